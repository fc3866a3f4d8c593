// SPDX-License-Identifier: Apache-2.0
/**
 * What keeps a run's topics from growing with the run.
 *
 * <p>Start at {@link io.saeflow.processors.retention.RecordRetention}.
 */
@NullMarked
package io.saeflow.processors.retention;

import org.jspecify.annotations.NullMarked;
