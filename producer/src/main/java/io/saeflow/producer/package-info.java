// SPDX-License-Identifier: Apache-2.0
/**
 * From text to activations.
 *
 * <p>{@link io.saeflow.producer.corpus} turns files into numbered batches of token ids, {@link
 * io.saeflow.producer.gpt2} turns token ids into activations, {@link io.saeflow.producer.publish}
 * puts both on topics.
 */
@NullMarked
package io.saeflow.producer;

import org.jspecify.annotations.NullMarked;
