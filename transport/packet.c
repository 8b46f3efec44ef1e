#include "transport/packet.h"

#include <assert.h>

size_t
packet_begin(struct buffer *packet)
{
    buffer_reserve(packet, PACKET_HEAD);
    packet->size += PACKET_HEAD;
    return packet->size;
}

void
packet_end(struct buffer *packet, size_t begun)
{
    size_t size = packet->size - begun;
    assert(size <= UINT32_MAX);
    for (size_t i = 0; i < PACKET_HEAD; i++)
        packet->data[begun - PACKET_HEAD + i] = (uint8_t)(size >> 8 * i);
}

bool
packet_next(struct bytes *packet, struct bytes *message)
{
    size_t size = 0;
    if (packet->size < PACKET_HEAD)
        return false;
    for (size_t i = 0; i < PACKET_HEAD; i++)
        size |= (size_t)packet->data[i] << 8 * i;
    if (size > packet->size - PACKET_HEAD)
        return false;
    *message = bytes_of(packet->data + PACKET_HEAD, size);
    packet->data += PACKET_HEAD + size;
    packet->size -= PACKET_HEAD + size;
    return true;
}
