// SPDX-License-Identifier: Apache-2.0
/**
 * Files of text or of ready tokens, as numbered batches of token sequences; the same files always
 * give the same batches.
 *
 * <p>Start at {@link io.saeflow.producer.corpus.TokenBatches}. It draws on a {@link
 * io.saeflow.producer.corpus.SequenceSource}: a packed {@link io.saeflow.producer.corpus.Corpus} or
 * a {@link io.saeflow.producer.corpus.TokenMatrix}.
 */
@NullMarked
package io.saeflow.producer.corpus;

import org.jspecify.annotations.NullMarked;
