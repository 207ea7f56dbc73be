/* private.h: marks what libclact exports for libclact-nn and for nobody else. clact.map lists it once more, under a
 * version of its own that changes with every release: the two libraries are made for one another. */
#ifndef CLACT_PRIVATE_H
#define CLACT_PRIVATE_H

#define CLACT_PRIVATE __attribute__((visibility("default")))

#endif
