/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From jobs to TXT records. */

#include "master/advertise.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "discovery/browser.h"
#include "master/service-status.h"

#define CAPABILITIES "primes" /* kinds of jobs that a worker may be given */

struct Advertise {
        AdvertiseSettings settings;
        Publisher *publisher;
        bool published; /* the two below are valid */
        bool work;
        char job[DISCOVERY_JOB_MAX + 1];
        char told[256]; /* what was logged last: the name, or the problem */
};

DEFINE_TRIVIAL_CLEANUP_FUNC(Advertise *, advertise_free);

static void advertise_on_changed(Publisher *publisher, void *userdata) {
        Advertise *advertise = userdata;
        const char *problem = publisher_problem(publisher), *name = publisher_published_name(publisher);
        const char *news = problem[0] != '\0' ? problem : name;

        if (news[0] != '\0' && strncmp(news, advertise->told, sizeof advertise->told - 1) != 0) {
                (void) snprintf(advertise->told, sizeof advertise->told, "%s", news);
                if (news == problem)
                        log_notice("Workers do not find this master by themselves: %s", problem);
                else
                        log_info("The LAN is told of this master as \"%s\"", name);
        }
        advertise->settings.on_changed(advertise->settings.userdata);
}

void advertise_update(Advertise *advertise) {
        bool work = master_wants_workers(advertise->settings.master);
        char job[DISCOVERY_JOB_MAX + 1];
        int r;

        (void) service_work_text(advertise->settings.jobs, job, sizeof job);
        if (advertise->published && work == advertise->work && strcmp(job, advertise->job) == 0)
                return;
        advertise->published = true;
        advertise->work = work;
        memcpy(advertise->job, job, sizeof job);
        r = publisher_set_work(advertise->publisher, work, job);
        if (r < 0)
                log_warning_errno(r, "Failed to tell the LAN about work: %m");
}

int advertise_new(sd_bus *bus, sd_event *event, const AdvertiseSettings *settings, Advertise **ret) {
        _cleanup_(advertise_freep) Advertise *advertise = calloc(1, sizeof *advertise);
        char id[2 * SHA256_SIZE + 1];
        int r;

        if (!advertise)
                return -ENOMEM;
        advertise->settings = *settings;
        r = publisher_new(bus, event, &(PublisherSettings) {
                .name = settings->name,
                .id = text_hex(master_id(settings->master), SHA256_SIZE, id),
                .port = settings->port,
                .capabilities = CAPABILITIES,
                .on_changed = advertise_on_changed,
                .userdata = advertise,
        }, &advertise->publisher);
        if (r < 0)
                return r;
        advertise_update(advertise);
        *ret = TAKE_PTR(advertise);
        return 0;
}

Advertise *advertise_free(Advertise *advertise) {
        if (!advertise)
                return NULL;
        publisher_free(advertise->publisher);
        free(advertise);
        return NULL;
}

const char *advertise_name(const Advertise *advertise) {
        return advertise ? publisher_published_name(advertise->publisher) : "";
}

const char *advertise_problem(const Advertise *advertise) {
        return advertise ? publisher_problem(advertise->publisher) : "";
}
