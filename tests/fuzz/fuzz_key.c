/* An API key is taken if it is the one that was made, and never otherwise. */
#include "base/wrong.h"
#include "gateway/auth.h"
#include "tests/fuzz/bounds.h"

/* The same in every process, so that a corpus can hold it. */
static const uint8_t secret[SECRET_SIZE] = "a secret of the engine, 32 bytes";
static const uint8_t chance[KEY_SECRET_SIZE] = "chance that everybody knows, now";
static const struct id id = { "\x01\x93\x00\x00\x00\x00\x70\x00\x80\x00key id" };

static struct auth *auth;
static char minted[KEY_TEXT_SIZE + 1];

static void
begin(void)
{
    struct key key = { .id = id, .project = id, .scopes = 1 };
    auth = auth_new(secret, 16);
    auth_mint(auth, &id, chance, minted, &key.hash);
    auth_learn(auth, &key);
}

void
fuzz_one(struct bytes in)
{
    if (auth == NULL)
        begin();
    bounds_begin();
    struct bytes shown = auth_bearer(in);
    const struct key *key = auth_check(auth, shown);
    (void)scope_read(in);
    bounds_end();
    if (planted("key") && key != NULL)
        key = NULL;
    bool right = in.size == KEY_TEXT_SIZE + 7
                 && memcmp(in.data + 7, minted, KEY_TEXT_SIZE) == 0 && shown.size > 0;
    if (right && key == NULL)
        WRONG("a good key is refused");
    if (!right && key != NULL)
        WRONG("a key that nobody made is taken");
}
