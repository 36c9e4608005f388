/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Entries come and go; masters are told once, whole, and only when they changed. */

#include "discovery/master-list.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "test.h"

static DiscoveredMaster last;
static char last_gone[DISCOVERY_ID_SIZE + 1];
static size_t n_told, n_gone;

static void on_master(const DiscoveredMaster *master, void *userdata) {
        last = *master;
        n_told++;
}

static void on_gone(const char *id, void *userdata) {
        memcpy(last_gone, id, sizeof last_gone);
        n_gone++;
}

static const BrowserCallbacks callbacks = { .on_master = on_master, .on_gone = on_gone };

static MasterList *begin(void) {
        MasterList *list = master_list_new(&callbacks);

        CHECK(list);
        n_told = n_gone = 0;
        return list;
}

static const char *id_of(unsigned number) {
        static char id[DISCOVERY_ID_SIZE + 1];

        (void) snprintf(id, sizeof id, "%064x", number);
        return id;
}

/* Puts what was seen of master `number`: its address on an interface. */
static int see(MasterList *list, Seat *seat, unsigned number, const char *address, int interface, bool work) {
        Sighting sighting;

        memset(&sighting, 0, sizeof sighting);
        memcpy(sighting.id, id_of(number), sizeof sighting.id);
        sighting.work = work;
        sighting.address.interface = interface;
        if (strchr(address, ':')) {
                sighting.address.in6.sin6_family = AF_INET6;
                sighting.address.in6.sin6_port = htons(7919);
                CHECK(inet_pton(AF_INET6, address, &sighting.address.in6.sin6_addr) == 1);
                if (IN6_IS_ADDR_LINKLOCAL(&sighting.address.in6.sin6_addr))
                        sighting.address.in6.sin6_scope_id = (uint32_t) interface;
        } else {
                sighting.address.in.sin_family = AF_INET;
                sighting.address.in.sin_port = htons(7919);
                CHECK(inet_pton(AF_INET, address, &sighting.address.in.sin_addr) == 1);
        }
        return master_list_put(list, seat, "a name", &sighting);
}

static void check_address(size_t i, const char *expected) {
        char text[INET6_ADDRSTRLEN];
        const DiscoveredAddress *address = &last.addresses[i];

        CHECK(i < last.n_addresses);
        if (address->any.sa_family == AF_INET)
                CHECK_STRING(inet_ntop(AF_INET, &address->in.sin_addr, text, sizeof text), expected);
        else
                CHECK_STRING(inet_ntop(AF_INET6, &address->in6.sin6_addr, text, sizeof text), expected);
}

static void test_merged_by_id(void) {
        MasterList *list = begin();
        Seat v4 = { 0 }, v6 = { 0 }, other = { 0 };

        CHECK_EQUAL(see(list, &v4, 1, "10.0.0.2", 2, false), 0);
        CHECK_EQUAL(see(list, &v6, 1, "fe80::2", 2, false), 0);
        CHECK_EQUAL(see(list, &other, 2, "10.0.0.3", 2, false), 0);
        CHECK_EQUAL(n_told, 3);
        CHECK_EQUAL(last.n_addresses, 1);
        CHECK_STRING(last.name, "a name");

        CHECK_EQUAL(master_list_put(list, &v4, "", NULL), 0); /* the other address is left */
        CHECK_EQUAL(n_gone, 0);
        CHECK_STRING(last.id, id_of(1));
        CHECK_EQUAL(last.n_addresses, 1);
        check_address(0, "fe80::2");
        CHECK_EQUAL(last.addresses[0].in6.sin6_scope_id, 2);
        CHECK_EQUAL(master_list_put(list, &v6, "", NULL), 0);
        CHECK_EQUAL(n_gone, 1);
        CHECK_STRING(last_gone, id_of(1));
        master_list_free(list);
}

static void test_nothing_new_is_not_told(void) {
        MasterList *list = begin();
        Seat a = { 0 }, b = { 0 };

        CHECK_EQUAL(see(list, &a, 1, "10.0.0.2", 2, true), 0);
        CHECK_EQUAL(see(list, &a, 1, "10.0.0.2", 2, true), 0);
        CHECK_EQUAL(see(list, &b, 1, "10.0.0.2", 3, true), 0); /* the same address by another interface */
        CHECK_EQUAL(n_told, 1);
        CHECK_EQUAL(master_list_put(list, &b, "", NULL), 0);
        CHECK_EQUAL(master_list_put(list, &b, "", NULL), 0);
        CHECK_EQUAL(n_told, 1);
        CHECK_EQUAL(n_gone, 0);
        master_list_free(list);
}

static void test_order_of_addresses(void) {
        static const char *const addresses[] = {
                "127.0.0.1", "::1", "10.0.0.2", "192.168.1.2", "2001:db8::2", "fd00::2", "fe80::2", "169.254.1.2",
        };
        MasterList *list = begin();
        Seat seats[ELEMENTSOF(addresses)] = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(addresses); i++) { /* in another order */
                size_t k = i * 5 % ELEMENTSOF(addresses);

                CHECK_EQUAL(see(list, &seats[k], 1, addresses[k], 2, false), 0);
        }
        CHECK_EQUAL(last.n_addresses, ELEMENTSOF(addresses));
        for (size_t i = 0; i < ELEMENTSOF(addresses); i++)
                check_address(i, addresses[i]);
        master_list_free(list);
}

static void test_best_addresses_stay(void) {
        MasterList *list = begin();
        Seat seats[DISCOVERY_ADDRESSES_MAX + 4] = { 0 };
        char text[32];

        for (size_t i = 0; i < DISCOVERY_ADDRESSES_MAX + 3; i++) {
                (void) snprintf(text, sizeof text, "fe80::%zx", i + 1);
                CHECK_EQUAL(see(list, &seats[i], 1, text, 2, false), 0);
        }
        CHECK_EQUAL(last.n_addresses, DISCOVERY_ADDRESSES_MAX);
        CHECK_EQUAL(see(list, &seats[DISCOVERY_ADDRESSES_MAX + 3], 1, "10.0.0.2", 2, false), 0);
        CHECK_EQUAL(last.n_addresses, DISCOVERY_ADDRESSES_MAX);
        check_address(0, "10.0.0.2");
        check_address(1, "fe80::1");
        check_address(DISCOVERY_ADDRESSES_MAX - 1, "fe80::f");
        master_list_free(list);
}

static void test_newest_word_counts(void) {
        MasterList *list = begin();
        Seat stale = { 0 }, fresh = { 0 };

        CHECK_EQUAL(see(list, &stale, 1, "10.0.0.2", 2, true), 0);
        CHECK_EQUAL(see(list, &fresh, 1, "fe80::2", 3, false), 0);
        CHECK(!last.work);
        CHECK_EQUAL(see(list, &fresh, 1, "fe80::2", 3, true), 0); /* the doorbell; the other one says so for long */
        CHECK(last.work);
        CHECK_EQUAL(n_told, 3);
        CHECK_EQUAL(see(list, &fresh, 1, "fe80::2", 3, false), 0);
        CHECK_EQUAL(see(list, &stale, 1, "10.0.0.9", 2, true), 0); /* a new address is no new word */
        CHECK(!last.work);
        master_list_free(list);
}

static void test_entry_changes_its_id(void) {
        MasterList *list = begin();
        Seat seat = { 0 };

        CHECK_EQUAL(see(list, &seat, 1, "10.0.0.2", 2, false), 0);
        CHECK_EQUAL(see(list, &seat, 2, "10.0.0.2", 2, false), 0);
        CHECK_EQUAL(n_told, 2);
        CHECK_STRING(last.id, id_of(2));
        CHECK_EQUAL(n_gone, 1);
        CHECK_STRING(last_gone, id_of(1));
        master_list_free(list);
}

static void test_too_many_masters(void) {
        MasterList *list = begin();
        Seat *seats = calloc(DISCOVERY_MASTERS_MAX + 2, sizeof *seats);

        for (unsigned i = 0; i < DISCOVERY_MASTERS_MAX + 2; i++)
                CHECK_EQUAL(see(list, &seats[i], i, "10.0.0.2", 2, false), 0);
        CHECK_EQUAL(n_told, DISCOVERY_MASTERS_MAX);
        /* One goes, one of those that waited comes. */
        CHECK_EQUAL(master_list_put(list, &seats[7], "", NULL), 0);
        CHECK_EQUAL(n_gone, 1);
        CHECK_EQUAL(n_told, DISCOVERY_MASTERS_MAX + 1);
        CHECK(strcmp(last.id, id_of(DISCOVERY_MASTERS_MAX)) == 0 ||
              strcmp(last.id, id_of(DISCOVERY_MASTERS_MAX + 1)) == 0);
        master_list_free(list);
        free(seats);
}

static void test_too_many_seats(void) {
        MasterList *list = begin();
        Seat *seats = calloc(MASTER_LIST_SEATS_MAX + 1, sizeof *seats);

        for (unsigned i = 0; i < MASTER_LIST_SEATS_MAX; i++)
                CHECK_EQUAL(see(list, &seats[i], i % 3, "10.0.0.2", (int) i, false), 0);
        CHECK_EQUAL(see(list, &seats[MASTER_LIST_SEATS_MAX], 9, "10.0.0.2", 2, false), -ENOSPC);
        CHECK(!seats[MASTER_LIST_SEATS_MAX].valid);
        CHECK_EQUAL(n_gone, 0);
        CHECK_EQUAL(master_list_put(list, &seats[0], "", NULL), 0);
        CHECK_EQUAL(see(list, &seats[MASTER_LIST_SEATS_MAX], 9, "10.0.0.2", 2, false), 0);
        master_list_free(list);
        free(seats);
}

static void test_clear(void) {
        MasterList *list = begin();
        Seat a = { 0 }, b = { 0 }, c = { 0 };

        CHECK_EQUAL(see(list, &a, 1, "10.0.0.2", 2, false), 0);
        CHECK_EQUAL(see(list, &b, 1, "10.0.0.3", 2, false), 0);
        CHECK_EQUAL(see(list, &c, 2, "10.0.0.4", 2, false), 0);
        master_list_clear(list);
        CHECK_EQUAL(n_gone, 2);
        CHECK(!a.valid && !b.valid && !c.valid);
        CHECK_EQUAL(see(list, &a, 1, "10.0.0.2", 2, false), 0);
        CHECK_EQUAL(n_told, 4);
        CHECK_EQUAL(last.n_addresses, 1);
        master_list_free(list);
}

int main(void) {
        RUN(test_merged_by_id);
        RUN(test_nothing_new_is_not_told);
        RUN(test_order_of_addresses);
        RUN(test_best_addresses_stay);
        RUN(test_newest_word_counts);
        RUN(test_entry_changes_its_id);
        RUN(test_too_many_masters);
        RUN(test_too_many_seats);
        RUN(test_clear);
        return tests_end();
}
