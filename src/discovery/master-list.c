/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Merges what the entries saw, and tells only what is different from what was told before. */

#include "discovery/master-list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/utf8.h"

struct MasterList {
        const BrowserCallbacks *callbacks;
        Seat *seats[MASTER_LIST_SEATS_MAX]; /* the valid ones */
        size_t n_seats;
        DiscoveredMaster *masters[DISCOVERY_MASTERS_MAX]; /* as they were told */
        size_t n_masters;
        uint64_t order;
};

MasterList *master_list_new(const BrowserCallbacks *callbacks) {
        MasterList *list = calloc(1, sizeof *list);

        if (list)
                list->callbacks = callbacks;
        return list;
}

MasterList *master_list_free(MasterList *list) {
        if (!list)
                return NULL;
        for (size_t i = 0; i < list->n_masters; i++)
                free(list->masters[i]);
        free(list);
        return NULL;
}

static int address_rank(const DiscoveredAddress *address) {
        if (address->any.sa_family == AF_INET) {
                uint32_t value = ntohl(address->in.sin_addr.s_addr);

                if (value >> 24 == 127)
                        return 0;
                return value >> 16 == 0xa9fe ? 4 : 1;
        }
        if (IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr))
                return 0;
        return IN6_IS_ADDR_LINKLOCAL(&address->in6.sin6_addr) ? 3 : 2;
}

/* Negative, 0 or positive. Where one was seen does not make it another address: a host is dialled once. */
static int compare_endpoints(const DiscoveredAddress *a, const DiscoveredAddress *b) {
        int r;

        if (a->any.sa_family != b->any.sa_family)
                return a->any.sa_family < b->any.sa_family ? -1 : 1;
        if (a->any.sa_family == AF_INET) {
                r = memcmp(&a->in.sin_addr, &b->in.sin_addr, sizeof a->in.sin_addr);
                return r != 0 ? r : (int) ntohs(a->in.sin_port) - (int) ntohs(b->in.sin_port);
        }
        r = memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr);
        if (r != 0)
                return r;
        if (a->in6.sin6_scope_id != b->in6.sin6_scope_id)
                return a->in6.sin6_scope_id < b->in6.sin6_scope_id ? -1 : 1;
        return (int) ntohs(a->in6.sin6_port) - (int) ntohs(b->in6.sin6_port);
}

static bool goes_before(const DiscoveredAddress *a, const DiscoveredAddress *b) {
        int rank_a = address_rank(a), rank_b = address_rank(b);

        if (rank_a != rank_b)
                return rank_a < rank_b;
        if (a->interface != b->interface)
                return a->interface < b->interface;
        return compare_endpoints(a, b) < 0;
}

/* Into its place of the sorted array; the last one falls out of a full one. */
static void add_address(DiscoveredMaster *master, const DiscoveredAddress *address) {
        size_t i;

        for (i = 0; i < master->n_addresses; i++)
                if (compare_endpoints(&master->addresses[i], address) == 0) {
                        if (!goes_before(address, &master->addresses[i]))
                                return;
                        memmove(&master->addresses[i], &master->addresses[i + 1],
                                (--master->n_addresses - i) * sizeof *address);
                        break;
                }
        for (i = 0; i < master->n_addresses && !goes_before(address, &master->addresses[i]);)
                i++;
        if (i == DISCOVERY_ADDRESSES_MAX)
                return;
        if (master->n_addresses < DISCOVERY_ADDRESSES_MAX)
                master->n_addresses++;
        memmove(&master->addresses[i + 1], &master->addresses[i], (master->n_addresses - 1 - i) * sizeof *address);
        master->addresses[i] = *address;
}

/* What all seats of `id` say together; n_addresses is 0 if there is none. */
static void merge(const MasterList *list, const char *id, DiscoveredMaster *master) {
        uint64_t newest = 0;

        memset(master, 0, sizeof *master);
        (void) snprintf(master->id, sizeof master->id, "%s", id);
        for (size_t i = 0; i < list->n_seats; i++) {
                const Seat *seat = list->seats[i];

                if (strcmp(seat->sighting.id, id) != 0)
                        continue;
                add_address(master, &seat->sighting.address);
                master->local |= seat->sighting.local;
                if (seat->order < newest)
                        continue;
                newest = seat->order;
                memcpy(master->name, seat->name, sizeof master->name);
                memcpy(master->job, seat->sighting.job, sizeof master->job);
                master->work = seat->sighting.work;
                master->ring = seat->sighting.ring;
        }
}

static bool masters_equal(const DiscoveredMaster *a, const DiscoveredMaster *b) {
        if (strcmp(a->name, b->name) != 0 || strcmp(a->job, b->job) != 0 || a->work != b->work ||
            a->ring != b->ring || a->local != b->local || a->n_addresses != b->n_addresses)
                return false;
        for (size_t i = 0; i < a->n_addresses; i++)
                if (compare_endpoints(&a->addresses[i], &b->addresses[i]) != 0 ||
                    a->addresses[i].interface != b->addresses[i].interface)
                        return false;
        return true;
}

static size_t find_master(const MasterList *list, const char *id) {
        size_t i = 0;

        while (i < list->n_masters && strcmp(list->masters[i]->id, id) != 0)
                i++;
        return i;
}

static void drop_master(MasterList *list, size_t i) {
        DiscoveredMaster *gone = list->masters[i];

        list->masters[i] = list->masters[--list->n_masters];
        list->callbacks->on_gone(gone->id, list->callbacks->userdata);
        free(gone);
}

/* Tells what changed of the master `id`. */
static int update_master(MasterList *list, const char *id) {
        DiscoveredMaster merged;
        size_t i = find_master(list, id);

        merge(list, id, &merged);
        if (merged.n_addresses == 0) {
                if (i < list->n_masters)
                        drop_master(list, i);
                return 0;
        }
        if (i == list->n_masters) {
                if (list->n_masters == DISCOVERY_MASTERS_MAX)
                        return 0;
                list->masters[i] = malloc(sizeof merged);
                if (!list->masters[i])
                        return -ENOMEM;
                list->n_masters++;
        } else if (masters_equal(list->masters[i], &merged)) {
                return 0;
        }
        *list->masters[i] = merged;
        list->callbacks->on_master(&merged, list->callbacks->userdata);
        return 0;
}

/* Masters that found no room before. */
static int admit_more(MasterList *list) {
        for (size_t i = 0; i < list->n_seats && list->n_masters < DISCOVERY_MASTERS_MAX; i++) {
                const char *id = list->seats[i]->sighting.id;
                int r;

                if (find_master(list, id) < list->n_masters)
                        continue;
                r = update_master(list, id);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int seat_take(MasterList *list, Seat *seat) {
        if (seat->valid)
                return 0;
        if (list->n_seats == MASTER_LIST_SEATS_MAX)
                return -ENOSPC;
        list->seats[list->n_seats++] = seat;
        seat->valid = true;
        return 0;
}

static void seat_leave(MasterList *list, Seat *seat) {
        size_t i = 0;

        if (!seat->valid)
                return;
        while (list->seats[i] != seat)
                i++;
        list->seats[i] = list->seats[--list->n_seats];
        seat->valid = false;
}

/* Whether the master says something else than before; where it is may be old news with a new address. */
static bool says_the_same(const Sighting *a, const Sighting *b) {
        return strcmp(a->id, b->id) == 0 && strcmp(a->job, b->job) == 0 && a->work == b->work && a->ring == b->ring;
}

int master_list_put(MasterList *list, Seat *seat, const char *name, const Sighting *sighting) {
        char id_before[DISCOVERY_ID_SIZE + 1] = "";
        bool full = list->n_masters == DISCOVERY_MASTERS_MAX;
        int r = 0, q;

        if (seat->valid)
                memcpy(id_before, seat->sighting.id, sizeof id_before);
        if (sighting) {
                bool news = !seat->valid || !says_the_same(&seat->sighting, sighting);

                r = seat_take(list, seat);
                if (r < 0)
                        return r;
                if (news)
                        seat->order = ++list->order;
                utf8_copy_plain(seat->name, sizeof seat->name, name);
                seat->sighting = *sighting;
                r = update_master(list, sighting->id);
        } else {
                seat_leave(list, seat);
        }
        if (*id_before && (!sighting || strcmp(id_before, sighting->id) != 0)) {
                q = update_master(list, id_before);
                r = r < 0 ? r : q;
        }
        if (full && list->n_masters < DISCOVERY_MASTERS_MAX) {
                q = admit_more(list);
                r = r < 0 ? r : q;
        }
        return r;
}

void master_list_clear(MasterList *list) {
        while (list->n_seats > 0)
                list->seats[--list->n_seats]->valid = false;
        while (list->n_masters > 0)
                drop_master(list, list->n_masters - 1);
}
