CFLAGS += -std=c17 -O2 -Wall -Wextra $(shell pkg-config --cflags libcapstan)
LDLIBS += $(shell pkg-config --libs libcapstan)
LDFLAGS += -Wl,-rpath,$(shell pkg-config --variable=libdir libcapstan)

worker: worker.c
