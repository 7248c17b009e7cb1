#!/bin/sh
# What the router does with files that it is sent: checks, applies, confirms or takes back.
#
# For BusyBox's ash with the applets of OpenWrt's default build (package/utils/busybox): there is
# no setsid, nohup, timeout, stat or fractional sleep, so start-stop-daemon detaches and a second
# is the shortest wait.
#
# A change is a folder, $base/change-ID, with
#   script.sh   this script          limit     seconds until an unconfirmed change is taken back
#   pid         of who applies it    loaded    made when all is loaded
#   install     paths to install     remove    paths to remove          services   to be told
#   files/      every managed file   old/      what was there before    absent     what was not
#   decided/    made by whoever decides, confirm or roll back: mkdir succeeds for one only
# and $base/state says what became of the latest: "ID STATE" and then what there is to say.

set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

base=/etc/underlay
# OpenWrt runs what is here at boot, before the network, and deletes what succeeded.
boot_hook=/etc/uci-defaults/00-underlay-rollback

have() {
	command -v "$1" >/dev/null 2>&1
}

# --- reading ---------------------------------------------------------------------------------

# The files of these paths that exist, as a tar archive.
collect() {
	for path in "$@"; do
		shift
		[ -f "$path" ] && set -- "$@" "${path#/}"
	done
	[ $# -eq 0 ] || tar -c -f - -C / "$@"
}

# --- checking --------------------------------------------------------------------------------

# Whatever can be checked without touching what runs. $1: the folder with the files.
check_files() {
	failed=0
	if [ -f "$1/etc/bird.conf" ]; then
		bird -p -c "$1/etc/bird.conf" || failed=1
	fi
	for file in "$1"/etc/config/*; do
		if [ -f "$file" ] && have uci; then
			uci -c "$1/etc/config" show "${file##*/}" >/dev/null || failed=1
		fi
	done
	if [ -f "$1/etc/keepalived/keepalived.conf" ] && have keepalived; then
		keepalived --config-test --use-file "$1/etc/keepalived/keepalived.conf" || failed=1
	fi
	return $failed
}

# fw4 reads /etc/config only, so it can be asked only once the files are there.
check_in_place() {
	if listed firewall && have fw4; then
		fw4 check >/dev/null || return 1
	fi
}

# --- services --------------------------------------------------------------------------------

listed() {
	grep -q -x -F "$1" "$change/services"
}

ask_bird() {
	client=birdc
	have birdc || client=birdcl
	# Answers begin with a code; 8000 to 9999 are errors (BIRD's programmer's manual, "Control").
	"$client" -v "$@" >"$change/answer" 2>&1 && ! grep -q '^[89][0-9][0-9][0-9]' "$change/answer"
}

bird_answers() {
	ask_bird show status
}

# SSH answers earlier in the boot than BIRD, so on a young router BIRD is given some seconds.
bird_answers_or_never_will() {
	bird_answers && return 0
	read -r uptime _ </proc/uptime
	[ "${uptime%.*}" -lt 120 ] || return 1
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 1
		bird_answers && return 0
	done
	return 1
}

start_bird() {
	/etc/init.d/bird start || return 1
	for _ in 1 2 3 4 5; do
		bird_answers && return 0
		sleep 1
	done
	echo "bird does not start"
	return 1
}

# $@: BIRD's command to load the file, which drops no session that stays as it is.
load_bird() {
	if bird_answers_or_never_will; then
		ask_bird "$@" && return 0
		sed -e '/ready\.$/d' -e 's/^[0-9]*[ -]//' "$change/answer"
		return 1
	fi
	start_bird
}

load_keepalived() {
	if [ ! -f /etc/keepalived/keepalived.conf ]; then
		/etc/init.d/keepalived stop
	elif pidof keepalived >/dev/null; then
		/etc/init.d/keepalived reload
	else
		/etc/init.d/keepalived start
	fi
}

# $@: BIRD's command
load() {
	while read -r service; do
		case $service in
		bird) load_bird "$@" ;;
		keepalived) load_keepalived ;;
		network)
			# netifd works after the script has ended; what it does has to be seen by the confirmation.
			/etc/init.d/network reload && sleep 3
			;;
		*) "/etc/init.d/$service" reload ;;
		esac </dev/null || {
			echo "$service could not be reloaded"
			return 1
		}
	done <"$change/services" 2>&1
}

# --- a change --------------------------------------------------------------------------------

# $1: applying, loaded, refused, rolled-back or confirmed. $2: what there is to say
report() {
	printf '%s %s\n%s\n' "$id" "$1" "${2-}" >"$base/state.new"
	mv -f "$base/state.new" "$base/state"
}

decide() {
	mkdir "$change/decided" 2>/dev/null
}

save_old_files() {
	mkdir -p "$change/old"
	: >"$change/absent"
	cat "$change/install" "$change/remove" | while read -r path; do
		if [ -f "$path" ]; then
			mkdir -p "$change/old${path%/*}" && cp -p "$path" "$change/old$path"
		else
			echo "$path" >>"$change/absent"
		fi || exit 1
	done && touch "$change/saved"
}

# The files are in place before the next boot, or the old ones are.
set_boot_hook() {
	mkdir -p "${boot_hook%/*}"
	printf '[ ! -f %s/script.sh ] || sh %s/script.sh boot %s\n' "$change" "$change" "$id" >"$boot_hook"
	sync
}

# mv within a file system is atomic: no service ever reads half a file.
place() {
	(umask 022 && mkdir -p "${2%/*}") && mv -f "$1" "$2"
}

swap_in() {
	while read -r path; do
		place "$change/files$path" "$path" || return 1
	done <"$change/install"
	while read -r path; do
		rm -f "$path"
	done <"$change/remove"
	sync
}

put_back() {
	[ -f "$change/saved" ] || return 0
	(cd "$change/old" && find . -type f) | while read -r path; do
		cp -p "$change/old/$path" "$change/old/$path.back" && place "$change/old/$path.back" "${path#.}"
	done
	while read -r path; do
		rm -f "$path"
	done <"$change/absent"
	sync
}

end_change() {
	rm -f "$boot_hook"
	rm -rf "$change"
	sync
}

# Whoever takes back stops whoever is still applying, which may be hanging in a service's script.
stop_applying() {
	if read -r pid <"$change/pid" && [ "$pid" != $$ ]; then
		kill "$pid"
	fi 2>/dev/null
}

# $1: refused or rolled-back. $2: what there is to say
take_back() {
	stop_applying
	put_back
	load configure >/dev/null
	end_change
	report "$1" "${2-}" # last: whoever reads it may begin the next change at once
}

apply() {
	# Said before anything is done: what runs on without a watch is not begun.
	sh "$change/script.sh" watch "$id" &
	if save_old_files && set_boot_hook && swap_in; then
		refusal=$({ check_in_place && load configure timeout "$(cat "$change/limit")"; } 2>&1)
		refused=$?
	else
		refusal="no room for the files, or they cannot be written: $(df -h /etc | tail -n 1)"
		refused=1
	fi
	if [ $refused -eq 0 ]; then
		rm -f "$change/pid" # the number may soon be another's
		if [ -d "$change" ] && [ ! -d "$change/decided" ]; then
			touch "$change/loaded"
			report loaded
		fi
	elif decide; then
		take_back refused "$refusal"
	fi
}

# Beside apply, so that nothing that hangs there can keep the change from being taken back. There is
# as long for the loading as there is, once all is loaded, for the confirmation.
watch() {
	waited=0
	limit=$(cat "$change/limit")
	while [ "$waited" -lt "$limit" ]; do
		sleep 1
		waited=$((waited + 1))
		[ -d "$change" ] && [ ! -d "$change/decided" ] || return 0
		if [ -f "$change/loaded" ]; then
			rm -f "$change/loaded"
			waited=0
		fi
	done
	decide && take_back rolled-back "not confirmed within $limit s"
}

begin() {
	mv "$base/staged" "$change" && cp "$base/script.sh" "$change/script.sh" || return 1
	report applying
	# With a pid file, start-stop-daemon does not look for other shells that run.
	start-stop-daemon -S -b -m -p "$change/pid" -x /bin/sh -- "$change/script.sh" apply "$id"
}

confirm() {
	decide || return 0
	if listed bird; then
		ask_bird configure confirm
	fi
	report confirmed
	end_change
}

# After a restart of the router nothing has been loaded yet.
boot() {
	decide || [ -d "$change/decided" ] || return 0
	put_back
	report rolled-back "the router was restarted before the change was confirmed"
	end_change
}

# What an interrupted run has left. A change that is still being watched is taken back at once;
# one that somebody else is deciding at this moment is given time to end.
resolve() {
	rm -rf "$base/staged"
	for change in "$base"/change-*; do
		[ -d "$change" ] || continue
		id=${change##*/change-}
		if decide; then
			take_back rolled-back "interrupted before the change was confirmed"
		else
			for _ in 1 2 3 4 5; do
				[ -d "$change" ] && sleep 1
			done
			# Whoever was deciding has died over it.
			[ ! -d "$change" ] || take_back rolled-back "interrupted while it was decided"
		fi
		echo "$id"
	done
}

# ---------------------------------------------------------------------------------------------

verb=$1
shift
case $verb in
collect | resolve) "$verb" "$@" ;;
check) check_files "$base/staged/files" ;;
state) [ ! -f "$base/state" ] || cat "$base/state" ;;
begin | apply | watch | confirm | boot)
	id=$1
	change=$base/change-$id
	[ "$verb" = begin ] || [ -d "$change" ] || exit 0
	trap '' HUP
	"$verb"
	;;
*)
	echo "unknown: $verb" >&2
	exit 2
	;;
esac
