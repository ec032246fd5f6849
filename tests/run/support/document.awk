# A JSON document of n items for workload json: all kinds of values, all lengths of strings, some
# depth. Use: awk -v n=60 -f document.awk
BEGIN {
    print "{\"about\": \"gr\\u00fc\\u00df \\ud83d\\ude00 \\\"q\\\"\", \"items\": ["
    for (i = 0; i < n; i++) {
        s = ""
        for (k = 0; k < i % 70; k++)
            s = s sprintf("%c", 97 + (i + k) % 26)
        printf "%s {\"id\": %d, \"name\": \"%s\", \"x\": %.3fe-%d, \"on\": %s, \"none\": null,\n",
            i ? "," : "", i, s, i * 1.37, i % 9, i % 2 ? "true" : "false"
        printf "  \"tags\": [[], {}, [1, [2, [%d, -0.5]]], \"%s\"]}\n", i, substr(s, 1, 7)
    }
    print "]}"
}
