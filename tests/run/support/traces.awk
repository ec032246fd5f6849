# traces.awk - the grammar of what GODEBUG=gctrace=2,gcpacertrace=1,scavtrace=1 prints in Go 1.26:
# one for the lines of Go and of goheap. Each line must be of one of six forms, whole. With
# -v context=1 they must also follow each other as they may, and their figures agree:
#   - cycles count up, and each has at most one pacer line of either kind, in that order, in front;
#   - scan lines stand right behind a gc line: the sum first, then classes in order, large first;
#   - sums are sums, and the classes add up to the total.
# Prints what is wrong; the last line counts the lines of each form. Exit status 1 if one is wrong.
# Written for any awk: no intervals in expressions, bytes and not characters.

BEGIN {
    n = "(0|[1-9][0-9]*)"
    float = "([+-]Inf|NaN|-?" n "([.][0-9]*[1-9])?(e[+-][0-9][0-9][0-9]?)?)"
    # 0 | 0.001..0.099 | 0.10..0.99 | 1.0..9.9 | 10..
    ms = "(0|0[.]0[0-9][0-9]|0[.][1-9][0-9]|[1-9][.][0-9]|[1-9][0-9]+)"
    objs = n "[+]" n "[+]" n "=" n " objs, " n "[+]" n "=" n " spans"

    form["gc"] = "gc [1-9][0-9]* @" n "[.][0-9][0-9][0-9]s (100|[1-9]?[0-9])%: " \
        ms "[+]" ms "[+]" ms " ms clock, " ms "[+]" ms "/" ms "/" ms "[+]" ms " ms cpu, " \
        n "->" n "->" n " MB, " n " MB goal, " n " MB stacks, " n " MB globals, [1-9][0-9]* P" \
        "( [(]forced[)])?"
    form["total"] = "scan: total " objs
    form["class"] = "scan: class (L|[1-9][0-9]*B) " objs
    form["start"] = "pacer: assist ratio=" float " [(]scan " n " MB in " n "->" n " MB[)] " \
        "workers=" n "[+]" float
    form["end"] = "pacer: " n "% CPU [(]25 exp[.][)] for " n "[+]" n "[+]" n " B work [(]" n \
        " B exp[.][)] in " n " B -> " n " B [(]\342\210\206goal -?" n ", cons/mark " float "[)]"
    form["sweep"] = "pacer: sweep done at heap size " n "MB; allocated " n \
        "MB during sweep; swept " n " pages at " float " pages/byte"
    form["scav"] = "scav " n " KiB work [(]bg[)], " n " KiB work [(]eager[)], " n " KiB now, " \
        n "% util( [(]forced[)]| [[]controller reset[]])?"
}

function bad(what) {
    print "  " what ": " $0
    failed++
}

function kind_of_line(    k) {
    for (k in form)
        if ($0 ~ ("^(" form[k] ")$"))
            return k
    return ""
}

# The seven figures of a scan line, behind "total " or the class.
function scan_figures(out,    text, parts) {
    text = $0
    sub(/^scan: (total|class [^ ]*) /, "", text)
    gsub(/ objs, /, "+", text)
    gsub(/ spans/, "", text)
    gsub(/=/, "+", text)
    split(text, out, "+")
    if (out[1] + out[2] + out[3] != out[4] || out[5] + out[6] != out[7])
        bad("a sum is none")
}

# What the classes of the cycle before did not account for.
function close_scan(    i) {
    for (i = 1; i <= 7 && scanning; i++)
        if (left[i] != 0) {
            print "  the classes do not add up to the total of gc " cycle
            failed++
            break
        }
    scanning = 0
}

function scan_line(kind,    figures, i, size) {
    scan_figures(figures)
    if (kind == "total") {
        if (before != "gc")
            bad("a total that does not follow a gc line")
        for (i = 1; i <= 7; i++)
            left[i] = figures[i]
        scanning = 1
        last_size = -1
        return
    }
    if (before != "total" && before != "class")
        bad("a class that follows neither a total nor a class")
    size = $3 == "L" ? 0 : $3 + 0
    if (size <= last_size)
        bad("classes are out of order")
    last_size = size
    for (i = 1; i <= 7; i++)
        left[i] -= figures[i]
}

function gc_line(    heap) {
    if ($2 + 0 != cycle + 1)
        bad("cycle " cycle + 1 " is called " $2)
    cycle = $2 + 0
    if (substr($3, 2) + 0 < at)
        bad("time goes back")
    at = substr($3, 2) + 0
    split($11, heap, "->")
    if (heap[1] + 0 > heap[2] + 0)
        bad("the heap shrank while it was marked")
    if (heap[3] + 0 > heap[2] + 0)
        bad("more marked than there was")
    pacing = ""
}

{
    kind = kind_of_line()
    if (kind == "")
        bad("no form that is known")
    count[kind]++
    if (!context || kind == "")
        next
    if (kind != "class")
        close_scan()
    if (kind == "gc")
        gc_line()
    else if (kind == "total" || kind == "class")
        scan_line(kind)
    else if (kind == "start" || kind == "end") {
        if (kind == "start" ? pacing != "" : pacing != "start")
            bad("out of order in its cycle")
        pacing = kind
    }
    before = kind
}

END {
    close_scan()
    printf "gc %d total %d class %d start %d end %d sweep %d scav %d\n", count["gc"],
        count["total"], count["class"], count["start"], count["end"], count["sweep"],
        count["scav"]
    exit failed > 0
}
