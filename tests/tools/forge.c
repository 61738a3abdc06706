/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forge: what a hostile guest does with a network card.  Static, for an initramfs.
 *
 *   forge get ADDRESS PORT PATH [SECONDS]    one HTTP GET; prints the body, or "nothing" after SECONDS (60)
 *   forge raw IFACE HEX [COUNT]              a frame as it stands
 *   forge arp IFACE DST-MAC OP SHA SPA THA TPA   1 request, 2 reply; the source MAC is the card's
 *   forge syn IFACE DST-MAC SADDR DADDR DPORT [frag|frag2|options|vlan|qinq|priority]
 *   forge udp IFACE DST-MAC SADDR DADDR DPORT
 * Frames: IEEE 802.3; ARP: RFC 826; IP: RFC 791; TCP: RFC 9293. */
#include <arpa/inet.h>
#include <endian.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static uint8_t frame[1600];
static size_t n;

static void put8(unsigned v)
{
    if (n < sizeof frame)
        frame[n++] = (uint8_t)v;
}
static void put16(unsigned v)
{
    put8(v >> 8);
    put8(v);
}
static void put_mac(const char *text)
{
    for (unsigned i = 0; i < 6; i++)
        put8((unsigned)strtoul(text + 3 * i, NULL, 16));
}
static void put_ip(const char *text)
{
    struct in_addr a = {0};
    inet_pton(AF_INET, text, &a);
    for (unsigned i = 0; i < 4; i++)
        put8(((const uint8_t *)&a)[i]);
}

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t s)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        s += (uint32_t)(p[i] << 8 | p[i + 1]);
    return s;
}
static uint16_t fold(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xFFFF) + (s >> 16);
    return (uint16_t)~s;
}
static void set16(size_t at, uint16_t v)
{
    frame[at] = (uint8_t)(v >> 8);
    frame[at + 1] = (uint8_t)v;
}

static int send_frame(const char *iface, unsigned count)
{
    int s = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface), .sll_halen = 6};
    if (n < 60)
        n = 60; /* the least a frame has; zeros */
    for (unsigned i = 0; i < count; i++)
        if (sendto(s, frame, n, 0, (struct sockaddr *)&a, sizeof a) < 0) {
            perror("forge");
            return 1;
        }
    close(s);
    return 0;
}

static void own_mac(const char *iface)
{
    struct ifreq r = {0};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", iface);
    ioctl(s, SIOCGIFHWADDR, &r);
    close(s);
    for (unsigned i = 0; i < 6; i++)
        put8((uint8_t)r.ifr_hwaddr.sa_data[i]);
}

static int raw(const char *iface, const char *hex, unsigned count)
{
    for (; hex[0] && hex[1]; hex += 2)
        put8((unsigned)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16));
    return send_frame(iface, count);
}

static int arp(char **v)
{
    put_mac(v[1]);
    own_mac(v[0]);
    put16(0x0806);
    put16(1);
    put16(0x0800);
    put8(6);
    put8(4);
    put16((unsigned)strtoul(v[2], NULL, 10));
    put_mac(v[3]);
    put_ip(v[4]);
    put_mac(v[5]);
    put_ip(v[6]);
    return send_frame(v[0], 3);
}

static size_t put_ip_header(char **v, unsigned protocol, unsigned payload, const char *how)
{
    size_t at;
    put_mac(v[1]);
    own_mac(v[0]);
    if (strcmp(how, "qinq") == 0) {
        put16(0x88A8);
        put16(7);
    }
    if (strcmp(how, "vlan") == 0 || strcmp(how, "qinq") == 0 || strcmp(how, "priority") == 0) {
        put16(0x8100);
        put16(strcmp(how, "priority") == 0 ? 0xE000 : 5); /* priority: VLAN 0 */
    }
    put16(0x0800);
    at = n;
    unsigned words = strcmp(how, "options") == 0 ? 6 : 5;
    put8(0x40 | words);
    put8(0);
    put16(words * 4 + payload);
    put16(4711);
    put16(strcmp(how, "frag") == 0 ? 0x2000 : strcmp(how, "frag2") == 0 ? 0x0001 : 0x4000);
    put8(64);
    put8(protocol);
    put16(0);
    put_ip(v[2]);
    put_ip(v[3]);
    if (words == 6)
        put16(0x0101), put16(0x0100); /* no operation, end */
    set16(at + 10, fold(sum16(frame + at, words * 4, 0)));
    return at;
}

static int transport(char **v, bool tcp, const char *how)
{
    unsigned len = tcp ? 20 : 12;
    size_t ip = put_ip_header(v, tcp ? 6 : 17, len, how), at = n;
    put16(40000);
    put16((unsigned)strtoul(v[4], NULL, 10));
    if (tcp) {
        put16(1), put16(2), put16(0), put16(0);
        put16(0x5002); /* 20 bytes, SYN */
        put16(1024), put16(0), put16(0);
    } else {
        put16(len), put16(0), put16(0x6869), put16(0x0a0a);
    }
    set16(at + (tcp ? 16 : 6), fold(sum16(frame + ip + 12, 8, sum16(frame + at, len, (tcp ? 6u : 17u) + len))));
    return send_frame(v[0], 3);
}

static int get(const char *address, const char *port, const char *path, const char *seconds)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval tv = {strtol(seconds, NULL, 10), 0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    char b[8192];
    size_t got = 0;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    inet_pton(AF_INET, address, &a.sin_addr);
    int len = snprintf(b, sizeof b, "GET %s HTTP/1.1\r\nHost: %s\r\nMetadata: true\r\nConnection: close\r\n\r\n", path,
                       address);
    if (connect(s, (struct sockaddr *)&a, sizeof a) < 0 || send(s, b, (size_t)len, 0) != len) {
        puts("nothing");
        return 2;
    }
    for (ssize_t r; got < sizeof b - 1 && (r = recv(s, b + got, sizeof b - 1 - got, 0)) > 0;)
        got += (size_t)r;
    b[got] = 0;
    char *body = strstr(b, "\r\n\r\n");
    puts(got ? body ? body + 4 : b : "nothing");
    return got ? 0 : 2;
}

int main(int c, char **v)
{
    if (c >= 5 && strcmp(v[1], "get") == 0)
        return get(v[2], v[3], v[4], c > 5 ? v[5] : "60");
    if (c >= 4 && strcmp(v[1], "raw") == 0)
        return raw(v[2], v[3], c > 4 ? (unsigned)strtoul(v[4], NULL, 10) : 3);
    if (c == 9 && strcmp(v[1], "arp") == 0)
        return arp(v + 2);
    if (c >= 7 && strcmp(v[1], "syn") == 0)
        return transport(v + 2, true, c > 7 ? v[7] : "");
    if (c == 7 && strcmp(v[1], "udp") == 0)
        return transport(v + 2, false, "");
    return 1;
}
