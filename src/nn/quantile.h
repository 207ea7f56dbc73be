/* quantile.h: the quantile of the standard normal distribution, in double.
 *
 * Algorithm AS 241, PPND16: M. J. Wichura, The Percentage Points of the Normal Distribution, Applied Statistics 37
 * (1988), pages 477 to 484; its relative error is about 10^-16; with the rounding of these steps 4.6 ulp were measured. */
#ifndef CLACT_NN_QUANTILE_H
#define CLACT_NN_QUANTILE_H

/* p: from 2^-33 to 1 - 2^-33; the algorithm's third part is for what lies beyond e^-25. */
double clact_nn_normal_quantile(double p);

#endif
