# Who may include whom. A folder sees itself, and what its line names.
BEGIN {
	sees["core"]      = ""
	sees["gossip"]    = "core"
	sees["discovery"] = "core"
	sees["sched"]     = "core"
	sees["net"]       = "core gossip discovery sched"
	sees["cli"]       = "core gossip discovery sched net"
	sees["test"]      = "core gossip discovery sched net cli"
}
FNR == 1 { split(FILENAME, part, "/"); here = part[1] }
/^#[ \t]*include[ \t]*"/ {
	split($0, quote, "\""); split(quote[2], part2, "/"); there = part2[1]
	if (quote[2] !~ /\//)                      complain("write the path from the root: " quote[2])
	else if (there != here && (" " sees[here] " ") !~ (" " there " "))
		complain(here "/ may not see " there "/")
}
/^#[ \t]*include[ \t]*<uv\.h>/ && FILENAME !~ /_uv\.[ch]$/ { complain("only *_uv files see libuv") }
function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; bad = 1 }
END { exit bad }
