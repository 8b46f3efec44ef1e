#include "base/url.h"

#include <string.h>

bool
url_valid(struct bytes url)
{
    size_t scheme = bytes_begin(url, text("http://"))    ? sizeof "http://" - 1
                    : bytes_begin(url, text("https://")) ? sizeof "https://" - 1
                                                         : 0;
    for (size_t i = 0; i < url.size; i++)
        if (url.data[i] <= ' ' || url.data[i] >= 0x7f
            || strchr("{}\"<>\\^`|", url.data[i]) != NULL)
            return false;
    return scheme > 0 && url.size > scheme;
}
