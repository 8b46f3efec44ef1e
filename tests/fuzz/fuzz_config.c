/* capstan.yaml is taken within all bounds, or refused with line and column. */
#include "base/config.h"
#include "base/wrong.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct config config;
    struct fault fault = { 0 };
    config_default(&config);
    enum err e = config_read_yaml(bytes_of(input, size), &config, &fault);
    if (e != ERR_NONE && fault.detail[0] == '\0')
        WRONG("refused without a sentence");
#define u32_WITHIN(name, min, max)                                                     \
    ((uint64_t)config.name >= (uint64_t)(min) && (uint64_t)config.name <= (max))
#define u64_WITHIN(name, min, max)  (config.name >= (min) && config.name <= (max))
#define text_WITHIN(name, min, max) (strlen(config.name) <= (max))
#define SETTING(type, name, value, min, max, unit, sentence)                           \
    if (!type##_WITHIN(name, min, max))                                                \
        WRONG(#name " is out of bounds");
#include "base/config.def"
    return 0;
}
