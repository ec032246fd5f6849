# memstats.awk - check the identities of MemStats in one JSON report of goheap, as it is printed: a
# key a line. Prints what does not hold; the last line is how many checks were made. Exit status
# 1 if one failed, or if the report lacks what is to be checked.

function fail(text) {
    print "  " text
    failed++
}

function value(name) {
    if (!(name in metric))
        fail("the report has no " name)
    return metric[name] + 0
}

function equal(what, a, b) {
    checks++
    if (a != b)
        fail(sprintf("%s: %.0f is not %.0f", what, a, b))
}

function at_most(what, a, b) {
    checks++
    if (a > b)
        fail(sprintf("%s: %.0f is more than %.0f", what, a, b))
}

# Sum of a histogram; with sizes, of counts times the size of each small class.
function histogram(name, weighed,    i, sum) {
    if (n_counts[name] != n_buckets[name] - 1 || n_counts[name] != 68)
        fail(name " has " n_counts[name] + 0 " counts and " n_buckets[name] + 0 " bucket edges")
    for (i = 0; i < n_counts[name]; i++)
        if (!weighed)
            sum += counts[name, i]
        else if (i < n_counts[name] - 1)
            sum += counts[name, i] * (buckets[name, i + 1] - 1)
    return sum + 0
}

{
    gsub(/,$/, "")
}

match($0, /^  "[a-z]+": [{]$/) {
    split($0, part, "\"")
    section = part[2]
    next
}

section == "metrics" && match($0, /^    "[^"]+": /) {
    split($0, part, "\"")
    name = part[2]
    rest = substr($0, RSTART + RLENGTH)
    list = ""
    if (rest != "{")
        metric[name] = rest
    next
}

section == "metrics" && match($0, /^      "(buckets|counts)": \[/) {
    list = $0 ~ /buckets/ ? "buckets" : "counts"
    next
}

section == "metrics" && list != "" && match($0, /^        /) {
    gsub(/[ "]/, "")
    if (list == "buckets")
        buckets[name, n_buckets[name]++] = $0
    else
        counts[name, n_counts[name]++] = $0
    next
}

section == "gc" && match($0, /^    "[a-z_0-9]+": [0-9]+$/) {
    split($0, part, "\"")
    gc[part[2]] = substr($0, RSTART + length(part[2]) + 8)
}

END {
    classes = "heap/free heap/objects heap/released heap/stacks heap/unused " \
              "metadata/mcache/free metadata/mcache/inuse metadata/mspan/free " \
              "metadata/mspan/inuse metadata/other os-stacks other profiling/buckets"
    n = split(classes, class, " ")
    for (i = 1; i <= n; i++) {
        bytes = value("/memory/classes/" class[i] ":bytes")
        sum += bytes
        # a difference below zero is printed as nearly 2^64
        at_most("/memory/classes/" class[i] " in range", bytes, 2 ^ 47)
    }
    equal("Sys and the sum of its parts", value("/memory/classes/total:bytes"), sum)

    mallocs = value("/gc/heap/allocs:objects")
    frees = value("/gc/heap/frees:objects")
    live = value("/gc/heap/objects:objects")
    equal("Mallocs - Frees and live objects", mallocs - frees, live)
    at_most("Frees and Mallocs", frees, mallocs)

    allocated = value("/gc/heap/allocs:bytes")
    freed = value("/gc/heap/frees:bytes")
    in_use = value("/memory/classes/heap/objects:bytes")
    equal("bytes allocated - freed and live bytes", allocated - freed, in_use)

    equal("mallocs by size and Mallocs", histogram("/gc/heap/allocs-by-size:bytes", 0), mallocs)
    equal("frees by size and Frees", histogram("/gc/heap/frees-by-size:bytes", 0), frees)
    for (i = 0; i < 68; i++)
        at_most("frees and mallocs of class " i + 1, counts["/gc/heap/frees-by-size:bytes", i] + 0,
                counts["/gc/heap/allocs-by-size:bytes", i] + 0)
    small = histogram("/gc/heap/allocs-by-size:bytes", 1) - histogram("/gc/heap/frees-by-size:bytes", 1)
    large = counts["/gc/heap/allocs-by-size:bytes", 67] - counts["/gc/heap/frees-by-size:bytes", 67]
    if (large == 0)
        equal("live bytes by size and live bytes", small, in_use)
    else
        at_most("live bytes by size, with 32768 a large object, and live bytes", \
                small + large * 32768, in_use)

    cycles = value("/gc/cycles/total:gc-cycles")
    equal("automatic + forced cycles and all", value("/gc/cycles/automatic:gc-cycles") + \
          value("/gc/cycles/forced:gc-cycles"), cycles)
    equal("cycles in both places", gc["cycles"] + 0, cycles)
    at_most("longest pause and all", gc["pause_max_ns"] + 0, gc["pause_total_ns"] + 0)
    equal("scannable bytes and their sum", value("/gc/scan/total:bytes"), \
          value("/gc/scan/globals:bytes") + value("/gc/scan/heap:bytes") + value("/gc/scan/stack:bytes"))
    # Go's smallest heap goal is 4 MiB at GOGC=100
    gogc = value("/gc/gogc:percent")
    if (gogc > 0)
        at_most("smallest heap goal and the goal", 4 * 1048576 * gogc / 100, value("/gc/heap/goal:bytes"))
    print checks + 0
    exit failed > 0
}
