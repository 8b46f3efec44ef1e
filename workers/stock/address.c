#include "workers/stock/address.h"

#include "base/bytes.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

/* IANA's registry of special addresses, and multicast. */
static const struct {
    uint32_t prefix;
    unsigned bits;
} special[] = {
    { 0x00000000, 8 },  /* 0.0.0.0: this network */
    { 0x0a000000, 8 },  /* 10.0.0.0 */
    { 0x64400000, 10 }, /* 100.64.0.0: of carriers */
    { 0x7f000000, 8 },  /* 127.0.0.0: this host */
    { 0xa9fe0000, 16 }, /* 169.254.0.0: this link, and what clouds tell machines */
    { 0xac100000, 12 }, /* 172.16.0.0 */
    { 0xc0000000, 24 }, /* 192.0.0.0 */
    { 0xc0000200, 24 }, /* 192.0.2.0: of documents */
    { 0xc0586300, 24 }, /* 192.88.99.0 */
    { 0xc0a80000, 16 }, /* 192.168.0.0 */
    { 0xc6120000, 15 }, /* 198.18.0.0: of benchmarks */
    { 0xc6336400, 24 }, /* 198.51.100.0: of documents */
    { 0xcb007100, 24 }, /* 203.0.113.0: of documents */
    { 0xe0000000, 3 },  /* 224.0.0.0: multicast, and what is reserved */
};

static uint32_t
word_of(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool
public_v4(uint32_t address)
{
    for (size_t i = 0; i < COUNT(special); i++)
        if ((address ^ special[i].prefix) >> (32 - special[i].bits) == 0)
            return false;
    return true;
}

/* Only 2000::/3 is given out; some of it leads elsewhere. */
static bool
public_v6(const uint8_t *a)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t translated[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(a, mapped, sizeof mapped) == 0
        || memcmp(a, translated, sizeof translated) == 0)
        return public_v4(word_of(a + 12));
    if (word_of(a) >> 16 == 0x2002) /* 6to4 */
        return public_v4(word_of(a + 2));
    bool special_purpose = word_of(a) >> 9 == 0x20010000 >> 9; /* 2001::/23 */
    bool of_documents = word_of(a) == 0x20010db8 || word_of(a) >> 12 == 0x3fff0;
    return a[0] >> 5 == 1 && !special_purpose && !of_documents;
}

bool
address_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return public_v6(v6.sin6_addr.s6_addr);
    }
    return false;
}
