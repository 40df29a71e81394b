# shellcheck shell=bash
# Random passwords and the write key: made once, readable by their owner only. Sourced after settings.sh.
# shellcheck disable=SC2154  # settings.sh assigns the directories

secret_names=(postgres_migrator postgres_worker postgres_analyst write_key)

make_secrets() {
    local name
    install -d -m 755 -- "$local_dir" "$stack_dir"
    install -d -m 700 -- "$secrets_dir"
    for name in "${secret_names[@]}"; do
        [[ ! -s $secrets_dir/$name ]] || continue
        # Hexadecimal: it needs no escaping in a URL, a TOML file or a shell.
        (umask 077 && openssl rand -hex 20 >"$secrets_dir/$name.new" && mv -- "$secrets_dir/$name.new" "$secrets_dir/$name")
    done
}

secret() { cat -- "$secrets_dir/$1"; }
