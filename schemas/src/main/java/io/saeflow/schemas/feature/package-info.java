// SPDX-License-Identifier: Apache-2.0
/**
 * What is collated of a feature and of a run, as Avro records generated from {@code src/main/avro}.
 *
 * <p>Start at {@link io.saeflow.schemas.feature.FeatureRecord}; bytes are made by {@link
 * io.saeflow.schemas.feature.AvroCodec}.
 */
@NullMarked
package io.saeflow.schemas.feature;

import org.jspecify.annotations.NullMarked;
