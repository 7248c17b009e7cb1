# Prints a UCI file as `uci show` does, near enough, and fails with a parse error.
function fail(why) { printf "uci: Parse error (%s) at line %d\n", why, NR > "/dev/stderr"; bad = 1; exit 1 }
/^[ \t]*(#|$)/ { next }
{
	text = $0; count = 0
	while (match(text, /^[ \t]*('[^']*'|"[^"]*"|[^ \t'"]+)/)) {
		word = substr(text, 1, RLENGTH); text = substr(text, RLENGTH + 1)
		sub(/^[ \t]+/, "", word)
		if (word ~ /^['"]/) word = substr(word, 2, length(word) - 2)
		words[++count] = word
	}
	if (text !~ /^[ \t]*$/) fail("unterminated quote")
	if (words[1] == "config" && count >= 2 && count <= 3) {
		section = count == 3 ? words[3] : "@" words[2] "[" seen[words[2]]++ "]"
		printf "%s.%s=%s\n", file, section, words[2]
	} else if ((words[1] == "option" || words[1] == "list") && count == 3) {
		if (section == "") fail("option before any section")
		printf "%s.%s.%s='%s'\n", file, section, words[2], words[3]
	} else fail("invalid command")
}
