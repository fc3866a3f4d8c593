// SPDX-License-Identifier: Apache-2.0
/**
 * The seam between the features topic and the formats written from it.
 *
 * <p>Start at {@link io.saeflow.sinks.records.FeatureSink}, which every format implements; {@link
 * io.saeflow.sinks.records.FeatureRecordConsumer} feeds them.
 */
@NullMarked
package io.saeflow.sinks.records;

import org.jspecify.annotations.NullMarked;
