/* settings - explain every setting as it would hold here. */
#include "workers/cli/cli.h"
#include "workers/cli/commands.h"

#include <inttypes.h>

#define u32_JSON(value)  json_integer((json_int_t)(value))
#define u64_JSON(value)  json_integer((json_int_t)(value))
#define text_JSON(value) json_string(value)
#define list_JSON(value) json_string(value)

static json_t *
settings_json(const struct config *now, const struct config *usual)
{
    json_t *all = json_array();
#define SETTING(type, name, value, min, max, unit, sentence)                           \
    json_array_append_new(                                                             \
        all, json_pack("{s:s, s:o, s:o, s:I, s:I, s:s, s:s}", "name", #name, "value",  \
                 type##_JSON(now->name), "default", type##_JSON(usual->name), "min",   \
                 (json_int_t)(min), "max", (json_int_t)(max), "unit", unit, "about",   \
                 sentence));
#include "base/config.def"
    return all;
}

enum exit_code
command_config_explain(struct cli *cli)
{
    static struct config usual;
    struct fault fault;
    enum exit_code e = cli_find_data(cli);
    if (e != EXIT_DONE)
        return e;
    if (cli_given(cli, OPTION_json)) {
        config_default(&usual);
        json_t *all = settings_json(&cli->config, &usual);
        cli_print_json(all);
        json_decref(all);
    } else {
        config_explain(&cli->config, stdout);
    }
    if (config_check(&cli->config, &fault) == ERR_NONE)
        return EXIT_DONE;
    cli_complain("no engine would begin with these: %s", fault.detail);
    return EXIT_REFUSED;
}
