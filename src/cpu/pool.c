/* pool.c: a small thread pool: its threads spin for a moment after a run, then sleep.
 *
 * A run is published by opening the gate, a word that holds an "open" bit and the number of threads
 * inside. Threads join while it is open; the caller works too, then closes it and waits until all have
 * left. A thread that sleeps through a run misses nothing: the others do the work. */
#include "cpu.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define OPEN 0x80000000u
#define SPINS 20000 /* about 50 microseconds */

struct clact_pool {
    pthread_t *threads;
    uint32_t extra;
    atomic_uint started;
    pid_t pid;
    pthread_mutex_t running; /* one run at a time */
    pthread_mutex_t lock;    /* guards the sleepers */
    pthread_cond_t wake;
    atomic_uint gate, epoch, sleepers, next;
    atomic_bool stop;
    void (*task)(void *, uint32_t);
    void *work;
    uint32_t count;
};

static inline void pause_briefly(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

static void work_through(struct clact_pool *pool)
{
    uint32_t i;
    while ((i = atomic_fetch_add(&pool->next, 1)) < pool->count)
        pool->task(pool->work, i);
}

static void join_run(struct clact_pool *pool)
{
    unsigned gate = atomic_load(&pool->gate);
    while (gate & OPEN)
        if (atomic_compare_exchange_weak(&pool->gate, &gate, gate + 1)) {
            work_through(pool);
            atomic_fetch_sub(&pool->gate, 1);
            return;
        }
}

/* Returns when a run has begun since epoch, or the pool stops. */
static void wait_for_run(struct clact_pool *pool, unsigned epoch)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&pool->epoch) != epoch)
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->epoch) == epoch)
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *thread_main(void *argument)
{
    struct clact_pool *pool = argument;
    unsigned seen = 0;
    while (!atomic_load(&pool->stop)) {
        wait_for_run(pool, seen);
        seen = atomic_load(&pool->epoch);
        join_run(pool);
    }
    return NULL;
}

/* Linux has been seen (6.18, two virtual processors) to wake a thread on the processor of the one that wakes it, though
 * the other was idle, and to leave it waiting there for milliseconds. Threads are to wake anywhere else. */
static void keep_off_this_processor(struct clact_pool *pool)
{
#ifdef __GLIBC__
    cpu_set_t others;
    const int here = sched_getcpu();
    if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof others, &others) != 0)
        return;
    CPU_CLR(here, &others);
    for (uint32_t i = 0; CPU_COUNT(&others) && i < pool->started; i++)
        (void)pthread_setaffinity_np(pool->threads[i], sizeof others, &others);
#else
    (void)pool;
#endif
}

static void announce(struct clact_pool *pool)
{
    atomic_fetch_add(&pool->epoch, 1);
    if (atomic_load(&pool->sleepers)) {
        keep_off_this_processor(pool);
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

struct clact_pool *clact_pool_create(uint32_t extra)
{
    struct clact_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->threads = calloc(extra, sizeof *pool->threads);
    if (!pool->threads) {
        free(pool);
        return NULL;
    }
    pool->extra = extra;
    pool->pid = getpid();
    pthread_mutex_init(&pool->running, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    return pool;
}

void clact_pool_destroy(struct clact_pool *pool)
{
    if (!pool)
        return;
    if (pool->pid == getpid()) {
        atomic_store(&pool->stop, true);
        announce(pool);
        for (uint32_t i = 0; i < pool->started; i++)
            pthread_join(pool->threads[i], NULL);
        pthread_cond_destroy(&pool->wake);
        pthread_mutex_destroy(&pool->lock);
        pthread_mutex_destroy(&pool->running);
    }
    free(pool->threads);
    free(pool);
}

bool clact_pool_awake(struct clact_pool *pool)
{
    unsigned started = atomic_load(&pool->started);
    return started && atomic_load(&pool->sleepers) < started;
}

/* Signals are the application's: none is delivered to these threads. */
static void start_threads(struct clact_pool *pool)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (uint32_t i = atomic_load(&pool->started); i < pool->extra; i++) {
        if (pthread_create(&pool->threads[i], NULL, thread_main, pool) != 0)
            break;
        atomic_store(&pool->started, i + 1);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void clact_pool_run(struct clact_pool *pool, void (*task)(void *, uint32_t), void *work, uint32_t count)
{
    if (pthread_mutex_trylock(&pool->running) != 0) { /* another caller has the threads */
        for (uint32_t i = 0; i < count; i++)
            task(work, i);
        return;
    }
    if (atomic_load(&pool->started) < pool->extra)
        start_threads(pool);
    pool->task = task;
    pool->work = work;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->gate, OPEN);
    announce(pool);
    work_through(pool);
    atomic_fetch_and(&pool->gate, ~OPEN);
    for (int spins = 0; atomic_load(&pool->gate);)
        if (spins < SPINS) {
            pause_briefly();
            spins++;
        } else {
            sched_yield(); /* to a thread that has to share this processor */
        }
    pthread_mutex_unlock(&pool->running);
}
