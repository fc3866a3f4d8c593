// SPDX-License-Identifier: Apache-2.0
/**
 * What bytes mean, for every module: messages, records, topic names, hook points and tensor files.
 *
 * <p>Start at {@link io.saeflow.schemas.Topics}, then {@link io.saeflow.schemas.stream} for what
 * travels on them. This module knows nothing of models, encoders or viewers.
 */
@NullMarked
package io.saeflow.schemas;

import org.jspecify.annotations.NullMarked;
