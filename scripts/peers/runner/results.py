"""Results as a file: everything the tables are made of. And the block of the README."""

import json
import math
import os
import re
import shlex
import tempfile

SCHEMA = 1
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"


# --- what others wrote ---


def printable(text):
    """With escapes for what a terminal would not show but do."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def kernel_number(text):
    """A kernel's name and number, without what its builder has put behind: "Linux 6.18.44"."""
    return re.sub(r"(\d+(?:\.\d+)*)\S*", r"\1", text, count=1)


def _without_folders(word, root):
    """An absolute path is told from the root of the tree, or by its last part."""
    head, path = re.fullmatch(r"((?:--?[\w-]+=|\w+=)?)(.*)", word, re.S).groups()
    if not path.startswith("/"):
        return word
    near = os.path.relpath(path, root) if root else ".."
    return head + (os.path.basename(path.rstrip("/")) if near.startswith("..") else near)


def tidy_command(words, root=None):
    """A command line to be shown: whose folders are whose is nobody's business."""
    return shlex.join(_without_folders(word, root) for word in words)


# --- files ---


def replace_file(path, text):
    """The file is there whole or as it was."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
    fd, name = tempfile.mkstemp(prefix=".peers-", dir=folder)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def check_writable(path):
    """OSError if replace_file would fail, as far as can be told."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a directory")
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def save(path, about, records):
    """One sample a line, so that files can be compared and searched by line."""
    head = json.dumps({"schema": SCHEMA, **about}, indent=2)
    lines = ",\n".join("    " + json.dumps(r, separators=(",", ":")) for r in records)
    replace_file(path, f'{head[:-2]},\n  "samples": [\n{lines}\n  ]\n}}\n')


# --- reading them back: what a key must hold, and whether it may be missing ---


def _text(x):
    return isinstance(x, str)


def _truth(x):
    return isinstance(x, bool)


def _whole(x):
    return isinstance(x, int) and not isinstance(x, bool) and x >= 0


def _number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool) and abs(x) < 1e300 and math.isfinite(x)


def _or_null(test):
    return lambda x: x is None or test(x)


def _list_of(test):
    return lambda x: isinstance(x, list) and all(map(test, x))


def _each(test):
    return lambda x: isinstance(x, dict) and all(map(test, x.values()))


def _is_size(x):
    return (isinstance(x, dict) and _text(x.get("workload")) and _text(x.get("options"))
            and _whole(x.get("threads")))


ABOUT = {
    "date": (_text, "a text"),
    "command": (_text, "a text"),
    "samples_wanted": (_whole, "a whole number"),
    "quick": (_truth, "true or false"),
    "interrupted": (_truth, "true or false"),
    "machine": (lambda x: isinstance(x, dict), "an object"),
    "goheap": (_text, "a text"),
    "peers": (_list_of(_text), "an array of texts"),
    "skipped": (_each(_text), "an object of texts"),
    "versions": (_each(_text), "an object of texts"),
    "rows": (_list_of(_text), "an array of texts"),
}
ABOUT_NEWER = {  # files of before do not have them
    "scale": (lambda x: _number(x) and x > 0, "a number above 0"),
    "commit": (_or_null(_text), "a text or null"),
    "sizes": (lambda x: isinstance(x, dict) and all(map(_is_size, x.values())), "an object of sizes"),
}
MACHINE = {
    "cpu": (_text, "a text"),
    "cores": (_or_null(_whole), "a whole number or null"),
    "memory_mib": (_or_null(_whole), "a whole number or null"),
    "kernel": (_text, "a text"),
    "transparent_huge_pages": (_or_null(_text), "a text or null"),
}
SAMPLE = {
    "cell": (_text, "a text"),
    "label": (_text, "a text"),
    "threads": (_whole, "a whole number"),
    "round": (_whole, "a whole number"),
    "turn": (_whole, "a whole number"),
    "problem": (_text, "a text"),
    "clean": (_truth, "true or false"),
    "checksum": (_or_null(_text), "a text or null"),
    "figures": (_each(_number), "an object of numbers"),
}


def _check(thing, where, keys, optional=False):
    if not isinstance(thing, dict):
        raise ValueError(f"{where.rstrip('.')} is no object")
    for key, (test, kind) in keys.items():
        if key not in thing and not optional:
            raise ValueError(f"{where}{key} is missing")
        if key in thing and not test(thing[key]):
            raise ValueError(f"{where}{key} is not {kind}")


def _escaped(x):
    """The same with all its texts printable."""
    if isinstance(x, str):
        return printable(x)
    if isinstance(x, list):
        return [_escaped(y) for y in x]
    if isinstance(x, dict):
        return {printable(key): _escaped(y) for key, y in x.items()}
    return x


def _as_written_now(about, records):
    """What files of before call otherwise, or say more of than they should."""
    if "factor" in about:
        about.setdefault("scale", about.pop("factor"))
    about.setdefault("scale", 1)
    about["machine"]["kernel"] = kernel_number(about["machine"]["kernel"])
    try:
        about["command"] = tidy_command(shlex.split(about["command"]))
    except ValueError:
        pass  # no command line of a shell: shown as it is
    for r in records:
        if "refaults" in r["figures"]:
            r["figures"].setdefault("faults_per_page", r["figures"].pop("refaults"))


def _parse(text):
    whole = json.loads(text)
    if not isinstance(whole, dict) or whole.get("schema") != SCHEMA or not isinstance(whole.get("samples"), list):
        raise ValueError(f"no results of schema {SCHEMA}")
    whole = _escaped(whole)
    records = whole.pop("samples")
    _check(whole, "", ABOUT)
    _check(whole["machine"], "machine.", MACHINE)
    for i, r in enumerate(records):
        _check(r, f"samples[{i}].", SAMPLE)
    if "factor" in whole and not _number(whole["factor"]):
        raise ValueError("factor is not a number")
    _as_written_now(whole, records)
    _check(whole, "", ABOUT_NEWER, optional=True)
    return whole, records


def load(path):
    """About, and the samples. ValueError with the file's name if it is no file of ours."""
    try:
        with open(path, encoding="utf-8") as f:
            return _parse(f.read())
    except (ValueError, RecursionError) as e:  # of which those of JSON and of UTF-8 are
        raise ValueError(f"{path}: {e}") from None


# --- the document ---


def _around_block(path):
    """What stands above and below the two markers."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ValueError(f"{path}: there must be one line {BEGIN} and below it one line {END}")
    head, rest = text.split(BEGIN)
    return head, rest.split(END)[1]


def check_block(path):
    """OSError or ValueError if put_into would fail."""
    _around_block(path)
    check_writable(path)


def put_into(path, block):
    """Write over what stands between the two markers of a document."""
    head, tail = _around_block(path)
    replace_file(path, f"{head}{BEGIN}\n\n{block.strip()}\n\n{END}{tail}")
