// SPDX-License-Identifier: Apache-2.0
/**
 * Sparse latents in, feature records out. A task owns one feature range, so nothing is merged
 * later.
 *
 * <p>Start at {@code RangeTally}: every statistic in it is exact and independent of the order of
 * batches, which is why records are the same bytes for any partitioning, crash or replay. {@code
 * FeatureStore} says where it is saved, {@code LabelDictionary} why counts by label obey the same
 * law, {@code SnapshotPace} when records go out before the end.
 */
@NullMarked
package io.saeflow.processors.aggregate;

import org.jspecify.annotations.NullMarked;
