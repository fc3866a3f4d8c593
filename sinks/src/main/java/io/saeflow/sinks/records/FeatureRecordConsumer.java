// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import io.saeflow.schemas.feature.AvroCodec;
import io.saeflow.schemas.feature.EncodingStatistics;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.FloatList;
import io.saeflow.schemas.feature.IntList;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.sinks.topic.TopicContents;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Hands one autoencoder's feature records out: all of them to those who follow a run while it goes
 * on, the complete ones to the formats. Complete when every latent has been written as of the same
 * end of the stream, and no record is of more sequences.
 */
public final class FeatureRecordConsumer implements TopicContents {
  private final int latents;
  private final List<FeatureSink> sinks;
  private final List<FeatureVersions> followers;
  private final BitSet written = new BitSet();

  private volatile EncodingStatistics statistics = EncodingStatistics.NONE;

  /** The most that a record covers; what is written of fewer will come again. */
  private long sequences;

  /**
   * @param latents how many latents the autoencoder has
   * @param sinks each gets every complete record; closed with this
   * @param followers each gets every record; closed with this
   */
  public FeatureRecordConsumer(
      int latents, List<FeatureSink> sinks, List<FeatureVersions> followers) {
    this.latents = latents;
    this.sinks = List.copyOf(sinks);
    this.followers = List.copyOf(followers);
  }

  @Override
  public void read(int partition, byte @Nullable [] value)
      throws IOException, MalformedMessageException {
    if (value == null) {
      throw new MalformedMessageException("no value (expected: a record)");
    }
    FeatureRecord record = AvroCodec.FEATURE.decode(value);
    requireConsistent(record, latents);
    statistics = statistics.latest(EncodingStatistics.of(record));
    for (FeatureVersions follower : followers) {
      follower.add(record, value);
    }
    if (record.getSequences() > sequences) {
      sequences = record.getSequences();
      written.clear();
    }
    if (!record.getComplete()) {
      return;
    }
    for (FeatureSink sink : sinks) {
      sink.write(record);
    }
    if (record.getSequences() == sequences) {
      written.set(record.getLatent());
      if (written.cardinality() == latents) {
        for (FeatureSink sink : sinks) {
          sink.flush();
        }
      }
    }
  }

  @Override
  public long completeSequences() {
    return written.cardinality() == latents ? sequences : INCOMPLETE;
  }

  /**
   * What encoding has come to, as the records of most tokens say. May be called from any thread.
   */
  public EncodingStatistics statistics() {
    return statistics;
  }

  /** How many latents have been written as of the most sequences. */
  int written() {
    return written.cardinality();
  }

  @Override
  public void close() throws IOException {
    List<Closeable> all = new ArrayList<>();
    sinks.forEach(sink -> all.add(sink::close));
    followers.forEach(follower -> all.add(follower::close));
    IOException failure = null;
    for (Closeable one : all) {
      try {
        one.close();
      } catch (IOException e) {
        if (failure == null) {
          failure = e;
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /**
   * Checks what every record fulfils, complete or not, so that whoever uses it need not.
   *
   * @param latents how many latents the autoencoder has
   */
  public static void requireConsistent(FeatureRecord record, int latents)
      throws MalformedMessageException {
    int latent = record.getLatent();
    if (latent < 0 || latent >= latents) {
      throw new MalformedMessageException(
          "latent: %d (expected: 0 to %d)".formatted(latent, latents - 1));
    }
    if (record.getTokens() < 0
        || record.getActive() < 0
        || record.getActive() > record.getTokens()) {
      throw new MalformedMessageException(
          "latent %d: %d of %d tokens active (expected: at most all)"
              .formatted(latent, record.getActive(), record.getTokens()));
    }
    if (record.getNonFiniteTokens() < 0
        || record.getNonZeros() < 0
        || record.getReconstructedTokens() < 0
        || !(record.getNormalizedErrors() >= 0)) {
      throw new MalformedMessageException(
          "latent %d: %d tokens not finite, %d non-zeros, errors of %d tokens %s (expected: none negative)"
              .formatted(
                  latent,
                  record.getNonFiniteTokens(),
                  record.getNonZeros(),
                  record.getReconstructedTokens(),
                  record.getNormalizedErrors()));
    }
    if (record.getHistogramBins().size() != record.getHistogramCounts().size()) {
      throw new MalformedMessageException(
          "latent %d: %d histogram bins, %d counts (expected: as many)"
              .formatted(
                  latent, record.getHistogramBins().size(), record.getHistogramCounts().size()));
    }
    for (Example example : record.getTop()) {
      requireConsistent(latent, example);
    }
    for (Example example : record.getRandom()) {
      requireConsistent(latent, example);
    }
  }

  private static void requireConsistent(int latent, Example example)
      throws MalformedMessageException {
    int index = example.getPosition() - example.getWindowStart();
    int length = example.getTokens().size();
    if (length != example.getActivations().size() || index < 0 || index >= length) {
      throw new MalformedMessageException(
          "latent %d, sequence %d: position %d in a window of %d tokens and %d activations from %d (expected: inside, as many)"
              .formatted(
                  latent,
                  example.getSequence(),
                  example.getPosition(),
                  length,
                  example.getActivations().size(),
                  example.getWindowStart()));
    }
    IntList tokens = IntList.of(example.getTokens());
    int signs = 0;
    for (int i = 0; i < tokens.size(); i++) {
      signs |= tokens.at(i);
    }
    if (signs < 0) {
      throw new MalformedMessageException(
          "latent %d, sequence %d: a negative token id (expected: none)"
              .formatted(latent, example.getSequence()));
    }
    if (!Float.isFinite(example.getActivation())) {
      throw notFinite(latent, example, example.getActivation());
    }
    FloatList activations = FloatList.of(example.getActivations());
    // Without a branch for each, of which there are hundreds of millions in a run.
    int largest = 0;
    for (int i = 0; i < activations.size(); i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(activations.at(i)) & Integer.MAX_VALUE);
    }
    if (!Float.isFinite(Float.intBitsToFloat(largest))) {
      for (float activation : activations) {
        if (!Float.isFinite(activation)) {
          throw notFinite(latent, example, activation);
        }
      }
    }
  }

  private static MalformedMessageException notFinite(int latent, Example example, float value) {
    return new MalformedMessageException(
        "latent %d, sequence %d: activation %s (expected: finite)"
            .formatted(latent, example.getSequence(), value));
  }
}
