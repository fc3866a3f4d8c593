// SPDX-License-Identifier: Apache-2.0
/**
 * The latent cache that EleutherAI's delphi loads: one safetensors shard a feature range.
 *
 * <p>Start at {@link io.saeflow.sinks.delphi.LatentCache}; what does not fit in memory waits in
 * files of its own outside the cache's folders.
 */
@NullMarked
package io.saeflow.sinks.delphi;

import org.jspecify.annotations.NullMarked;
