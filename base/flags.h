/* flags - what the command line of a program without commands says.
 *
 * As getopt_long, but a name that is cut short is no name: it would mean something
 * else, or nothing, once there is another flag that begins so.
 */
#ifndef BASE_FLAGS_H
#define BASE_FLAGS_H
#include <getopt.h>

/* The value of the next flag, whose argument is in `optarg`; -1: words follow, from
 * argv[optind] on; '?': it is none of `options`, or lacks its argument, as stderr
 * says. */
int flags_next(int argc, char **argv, const struct option *options);
#endif
