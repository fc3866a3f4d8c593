// SPDX-License-Identifier: Apache-2.0
/**
 * What a run tells a monitoring system, in Prometheus' format. The one home of its client library.
 *
 * <p>Start at {@link io.saeflow.compose.metrics.MetricsServer}.
 */
@NullMarked
package io.saeflow.compose.metrics;

import org.jspecify.annotations.NullMarked;
