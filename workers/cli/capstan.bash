# Completion of capstan's command lines for bash.
# Printed by `capstan completion bash`; change workers/cli/*.def.
_capstan()
{
    local words='' first='' second='' word
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -* || -z $first && $word == help ]] && continue
        if [[ -z $first ]]; then first=$word
        elif [[ -z $second ]]; then second=$word; fi
    done
    case "$first $second" in
    'up'' '*) words=' --url --key --project --ca --data --config --json --quiet --help --set --timeout' ;;
    'status'' '*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'down'' '*) words=' --url --key --project --ca --data --config --json --quiet --help --timeout' ;;
    'console'' '*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'apply'' '*) words=' --url --key --project --ca --data --config --json --quiet --help --draft --check' ;;
    'automations list') words=' --url --key --project --ca --data --config --json --quiet --help --limit --cursor' ;;
    'automations get') words=' --url --key --project --ca --data --config --json --quiet --help --definition' ;;
    'automations versions') words=' --url --key --project --ca --data --config --json --quiet --help --limit --cursor' ;;
    'automations create-version') words=' --url --key --project --ca --data --config --json --quiet --help --check --publish' ;;
    'automations publish') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'automations rollback') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'automations diff') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'automations pause') words=' --url --key --project --ca --data --config --json --quiet --help --reason' ;;
    'automations resume') words=' --url --key --project --ca --data --config --json --quiet --help --reason' ;;
    'automations archive') words=' --url --key --project --ca --data --config --json --quiet --help --reason' ;;
    'automations triggers') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'automations next') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'runs start') words=' --url --key --project --ca --data --config --json --quiet --help --inputs --idempotency-key --version --wait' ;;
    'runs list') words=' --url --key --project --ca --data --config --json --quiet --help --limit --cursor --automation --status' ;;
    'runs get') words=' --url --key --project --ca --data --config --json --quiet --help --automation --status --file' ;;
    'runs watch') words=' --url --key --project --ca --data --config --json --quiet --help --timeout' ;;
    'runs events') words=' --url --key --project --ca --data --config --json --quiet --help --timeout --follow --after --all --file' ;;
    'runs logs') words=' --url --key --project --ca --data --config --json --quiet --help --follow --after --step' ;;
    'runs cancel') words=' --url --key --project --ca --data --config --json --quiet --help --automation --status --all --dry-run --reason' ;;
    'runs retry') words=' --url --key --project --ca --data --config --json --quiet --help --automation --status --all --step --dry-run --reason' ;;
    'runs discard') words=' --url --key --project --ca --data --config --json --quiet --help --automation --status --all --dry-run --reason' ;;
    'runs signal') words=' --url --key --project --ca --data --config --json --quiet --help --result' ;;
    'runs skip') words=' --url --key --project --ca --data --config --json --quiet --help --reason' ;;
    'runs set-output') words=' --url --key --project --ca --data --config --json --quiet --help --output --reason' ;;
    'runs fork') words=' --url --key --project --ca --data --config --json --quiet --help --set --inputs --version --wait --at' ;;
    'runs explain') words=' --url --key --project --ca --data --config --json --quiet --help --automation --status' ;;
    'runs replay') words=' --url --key --project --ca --data --config --json --quiet --help --at --file --verify' ;;
    'runs diff') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'runs export') words=' --url --key --project --ca --data --config --json --quiet --help --output' ;;
    'runs import') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'interactions list') words=' --url --key --project --ca --data --config --json --quiet --help --limit --cursor --target' ;;
    'interactions get') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'interactions respond') words=' --url --key --project --ca --data --config --json --quiet --help --approve --reject --value --withdraw --comment --as' ;;
    'interactions delete') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'events publish') words=' --url --key --project --ca --data --config --json --quiet --help --id --source' ;;
    'events list') words=' --url --key --project --ca --data --config --json --quiet --help --limit --after' ;;
    'events tail') words=' --url --key --project --ca --data --config --json --quiet --help --timeout --after' ;;
    'secrets set') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'secrets list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'secrets delete') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'state get') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'state set') words=' --url --key --project --ca --data --config --json --quiet --help --if-revision' ;;
    'state update') words=' --url --key --project --ca --data --config --json --quiet --help --if-revision' ;;
    'state delete') words=' --url --key --project --ca --data --config --json --quiet --help --if-revision' ;;
    'state list') words=' --url --key --project --ca --data --config --json --quiet --help --limit --cursor' ;;
    'worker init') words=' --url --key --project --ca --data --config --json --quiet --help --language --directory --allow-non-empty' ;;
    'worker add') words=' --url --key --project --ca --data --config --json --quiet --help --timeout' ;;
    'worker start') words=' --url --key --project --ca --data --config --json --quiet --help --timeout' ;;
    'worker stop') words=' --url --key --project --ca --data --config --json --quiet --help --timeout' ;;
    'worker restart') words=' --url --key --project --ca --data --config --json --quiet --help --timeout' ;;
    'worker remove') words=' --url --key --project --ca --data --config --json --quiet --help --timeout' ;;
    'worker logs') words=' --url --key --project --ca --data --config --json --quiet --help --timeout --follow' ;;
    'worker list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'worker status') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'worker'' '?*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'workers list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'queues set') words=' --url --key --project --ca --data --config --json --quiet --help --concurrency' ;;
    'queues list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'webhooks create') words=' --url --key --project --ca --data --config --json --quiet --help --events' ;;
    'webhooks list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'webhooks get') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'webhooks set') words=' --url --key --project --ca --data --config --json --quiet --help --events' ;;
    'webhooks pause') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'webhooks resume') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'webhooks rotate') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'webhooks ping') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'webhooks deliveries') words=' --url --key --project --ca --data --config --json --quiet --help --limit --cursor' ;;
    'webhooks delete') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'actions list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'actions create') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'actions set') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'actions rotate') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'actions delete') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'roles list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'roles create') words=' --url --key --project --ca --data --config --json --quiet --help --scopes' ;;
    'roles set') words=' --url --key --project --ca --data --config --json --quiet --help --scopes' ;;
    'roles delete') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'principals list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'principals create') words=' --url --key --project --ca --data --config --json --quiet --help --roles' ;;
    'principals set') words=' --url --key --project --ca --data --config --json --quiet --help --roles --state' ;;
    'principals delete') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'projects get') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'projects set') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'projects delete') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'projects restore') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'keys create') words=' --url --key --project --ca --data --config --json --quiet --help --scopes --principal' ;;
    'keys list') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'keys revoke') words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'config explain') words=' --url --key --project --ca --data --config --json --quiet --help --set' ;;
    'backup'' '*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'restore'' '*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'verify'' '*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'version'' '*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    'help'' '*) words=' --url --key --project --ca --data --config --json --quiet --help --markdown' ;;
    'completion'' '*) words=' --url --key --project --ca --data --config --json --quiet --help' ;;
    esac
    [[ -n $words ]] || case $first in
    '') words=' up status down console apply automations runs interactions events secrets state worker workers queues webhooks actions roles principals projects keys config backup restore verify version help completion' ;;
    automations) words=' list get versions create-version publish rollback diff pause resume archive triggers next' ;;
    runs) words=' start list get watch events logs cancel retry discard signal skip set-output fork explain replay diff export import' ;;
    interactions) words=' list get respond delete' ;;
    events) words=' publish list tail' ;;
    secrets) words=' set list delete' ;;
    state) words=' get set update delete list' ;;
    worker) words=' init add start stop restart remove logs list status' ;;
    workers) words=' list' ;;
    queues) words=' set list' ;;
    webhooks) words=' create list get set pause resume rotate ping deliveries delete' ;;
    actions) words=' list create set rotate delete' ;;
    roles) words=' list create set delete' ;;
    principals) words=' list create set delete' ;;
    projects) words=' get set delete restore' ;;
    keys) words=' create list revoke' ;;
    config) words=' explain' ;;
    esac
    if [[ $2 == -* || -z $words || $words != *' --'* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$2")
    fi
}
complete -o default -F _capstan capstan
