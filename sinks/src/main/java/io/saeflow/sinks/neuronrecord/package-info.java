// SPDX-License-Identifier: Apache-2.0
/**
 * The neuron records that OpenAI's automated-interpretability loads.
 *
 * <p>Start at {@link io.saeflow.sinks.neuronrecord.NeuronRecordSink}.
 */
@NullMarked
package io.saeflow.sinks.neuronrecord;

import org.jspecify.annotations.NullMarked;
