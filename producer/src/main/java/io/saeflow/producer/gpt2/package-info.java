// SPDX-License-Identifier: Apache-2.0
/**
 * GPT-2 in Hugging Face's layout, read at its hook points.
 *
 * <p>Start at {@link io.saeflow.producer.gpt2.Gpt2}. It runs on the tensor engine; its arithmetic
 * is the text in {@code Gpt2Script}.
 */
@NullMarked
package io.saeflow.producer.gpt2;

import org.jspecify.annotations.NullMarked;
