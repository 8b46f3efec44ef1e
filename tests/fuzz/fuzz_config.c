/* capstan.yaml is taken within all bounds, or refused with line and column. */
#include "base/config.h"
#include "base/wrong.h"
#include "tests/fuzz/bounds.h"

void
fuzz_one(struct bytes in)
{
    static struct config config;
    struct fault fault = { 0 };
    config_default(&config);
    bounds_begin();
    enum err e = config_read_yaml(in, &config, &fault);
    bounds_end();
    if (planted("config") && e == ERR_NONE && in.size > 0)
        config.schedulers = 0;
    if (e != ERR_NONE && fault.detail[0] == '\0')
        WRONG("refused without a sentence");
#define u32_WITHIN(name, min, max)                                                     \
    ((uint64_t)config.name >= (uint64_t)(min) && (uint64_t)config.name <= (max))
#define u64_WITHIN(name, min, max)  (config.name >= (min) && config.name <= (max))
#define text_WITHIN(name, min, max) (strlen(config.name) <= (max))
#define list_WITHIN(name, min, max) (strlen(config.name) <= (max))
#define SETTING(type, name, value, min, max, unit, sentence)                           \
    if (!type##_WITHIN(name, min, max))                                                \
        WRONG(#name " is out of bounds");
#include "base/config.def"
}
