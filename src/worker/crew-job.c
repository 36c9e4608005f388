/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lives of clients, jobs and results. A result holds its job, and a job its client. */

#include <stdlib.h>

#include "worker/crew-state.h"

CrewClient *crew_client_new(void) {
        CrewClient *client = malloc(sizeof *client);

        if (!client)
                return NULL;
        *client = (CrewClient) { .slot = SCHEDULE_NONE };
        atomic_init(&client->n_ref, 1);
        return client;
}

CrewClient *crew_client_ref(CrewClient *client) {
        if (client)
                atomic_fetch_add(&client->n_ref, 1);
        return client;
}

CrewClient *crew_client_unref(CrewClient *client) {
        if (client && atomic_fetch_sub(&client->n_ref, 1) == 1)
                free(client);
        return NULL;
}

CrewJob *crew_job_new(CrewClient *client, uint64_t id, Grid *grid, Certainty certainty) {
        CrewJob *job = malloc(sizeof *job);

        if (!job)
                return NULL;
        *job = (CrewJob) { .client = crew_client_ref(client), .id = id, .certainty = certainty, .grid = *grid };
        atomic_init(&job->n_ref, 1);
        atomic_init(&job->priority, CREW_PRIORITY_DEFAULT);
        return job;
}

CrewJob *crew_job_ref(CrewJob *job) {
        if (job)
                atomic_fetch_add(&job->n_ref, 1);
        return job;
}

CrewJob *crew_job_unref(CrewJob *job) {
        if (job && atomic_fetch_sub(&job->n_ref, 1) == 1) {
                crew_client_unref(job->client);
                grid_done(&job->grid);
                free(job);
        }
        return NULL;
}

CrewClient *crew_job_client(const CrewJob *job) {
        return job->client;
}

uint64_t crew_job_id(const CrewJob *job) {
        return job->id;
}

const Grid *crew_job_grid(const CrewJob *job) {
        return &job->grid;
}

bool crew_job_is_unused(const CrewJob *job) {
        return atomic_load(&job->n_ref) == 1;
}

void crew_job_set_priority(CrewJob *job, unsigned priority) {
        atomic_store(&job->priority, CLAMP(priority, 1U, (unsigned) SCHEDULE_WEIGHT_MAX));
}

CrewResult *crew_result_free(CrewResult *result) {
        if (result) {
                crew_job_unref(result->job);
                free(result->packed);
                free(result);
        }
        return NULL;
}
