"""Results as a file: everything the tables are made of. And the block of the README."""

import json
import os
import tempfile

SCHEMA = 1
BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"


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


def save(path, about, records):
    """One sample a line, so that files can be compared and searched by line."""
    head = json.dumps({"schema": SCHEMA, **about}, indent=2)
    lines = ",\n".join("    " + json.dumps(r, separators=(",", ":")) for r in records)
    replace_file(path, f'{head[:-2]},\n  "samples": [\n{lines}\n  ]\n}}\n')


def load(path):
    """About, and the samples. ValueError if it is no file of ours."""
    with open(path, encoding="utf-8") as f:
        whole = json.load(f)
    if not isinstance(whole, dict) or whole.get("schema") != SCHEMA or "samples" not in whole:
        raise ValueError(f"{path} has no results of schema {SCHEMA}")
    records = whole.pop("samples")
    return whole, records


def put_into(path, block):
    """Write over what stands between the two markers of a document."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ValueError(f"{path}: there must be one line {BEGIN} and below it one line {END}")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    replace_file(path, f"{head}{BEGIN}\n\n{block.strip()}\n\n{END}{tail}")
