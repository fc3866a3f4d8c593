// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks;

/**
 * How far the sinks are. A unit is one feature's complete record, written in every format asked
 * for, or one shard of a latent cache.
 *
 * @param written units on disk
 * @param expected units of the whole run
 */
public record SinkProgress(long written, long expected) {}
