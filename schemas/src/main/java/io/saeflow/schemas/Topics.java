// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas;

import io.saeflow.schemas.hook.HookPoint;
import java.util.regex.Pattern;

/**
 * The topics and consumer groups of one run. Every name starts with the run's id, so that runs
 * share a cluster.
 *
 * @param run the run's id: 1 to 100 letters, digits, {@code -} or {@code _}
 */
public record Topics(String run) {
  /** No message's value is larger. */
  public static final int MAX_MESSAGE_BYTES = 64 << 20;

  /** A message with its key, headers and Kafka's framing: what brokers and clients are set to. */
  public static final int MAX_REQUEST_BYTES = MAX_MESSAGE_BYTES + (64 << 10);

  private static final Pattern RUN_ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,99}");
  private static final Pattern OWN =
      Pattern.compile(
          "tokens|dead-letters|manifest|(activations|latents|features)\\..+|aggregate(\\.[0-9]+)?-.+-changelog");
  private static final Pattern OWN_GROUP =
      Pattern.compile("producer|dead-letters|(encode|aggregate)(\\.[0-9]+)?|sink\\..+");
  private static final Pattern SAE_ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");

  public Topics {
    requireRunId(run);
  }

  /** Batches of token sequences, keyed by message number (Arrow). */
  public String tokens() {
    return run + ".tokens";
  }

  /** Dense activations at one hook point, keyed by message number (Arrow). */
  public String activations(HookPoint hook) {
    return run + ".activations." + hook.name();
  }

  /** Sparse latents of one autoencoder; partition p carries feature range p (Arrow). */
  public String latents(String sae) {
    return run + ".latents." + requireSaeId(sae);
  }

  /** One autoencoder's collated records, keyed by latent index; compacted (Avro). */
  public String features(String sae) {
    return run + ".features." + requireSaeId(sae);
  }

  /** Whether {@code topic} is the {@link #features} of some autoencoder. */
  public boolean isFeatures(String topic) {
    return topic.startsWith(run + ".features.");
  }

  /** Messages that could not be used, as they were, with the reason in their headers. */
  public String deadLetters() {
    return run + ".dead-letters";
  }

  /** What the run is made of, keyed by run id; compacted (Avro). */
  public String manifest() {
    return run + ".manifest";
  }

  /** The consumer group of the producers. */
  public String producerGroup() {
    return run + ".producer";
  }

  /**
   * The consumer group, and Kafka Streams application, of the encoders.
   *
   * @param generation 0 for the autoencoders that the run began with; those that joined later have
   *     groups of their own, counted from 1
   */
  public String encodeGroup(int generation) {
    return run + ".encode" + suffix(generation);
  }

  /**
   * The consumer group, and Kafka Streams application, of the aggregators.
   *
   * @param generation as for {@link #encodeGroup}
   */
  public String aggregateGroup(int generation) {
    return run + ".aggregate" + suffix(generation);
  }

  /**
   * The consumer group of one sink, or of several that commit as one.
   *
   * @param name as {@code latentSinks} of the run's manifest names it
   */
  public String sinkGroup(String name) {
    return run + ".sink." + name;
  }

  /** The group whose offset says which dead letters have been put back. */
  public String deadLetterGroup() {
    return run + ".dead-letters";
  }

  /** Whether {@code group} is one of the run's consumer groups. */
  public boolean containsGroup(String group) {
    return group.startsWith(run + ".")
        && OWN_GROUP.matcher(group.substring(run.length() + 1)).matches();
  }

  /** Whether {@code topic} is one of these, or holds the state of one of the run's stages. */
  public boolean contains(String topic) {
    return topic.startsWith(run + ".") && OWN.matcher(topic.substring(run.length() + 1)).matches();
  }

  /** Returns {@code run} if it can name a run, else throws {@link IllegalArgumentException}. */
  public static String requireRunId(String run) {
    return require(RUN_ID, "run id", run, "1 to 100 letters, digits, '-' or '_'");
  }

  /** Returns {@code sae} if it can name an autoencoder, else {@link IllegalArgumentException}. */
  public static String requireSaeId(String sae) {
    return require(SAE_ID, "SAE id", sae, "1 to 100 letters, digits, '.', '-' or '_'");
  }

  private static String suffix(int generation) {
    if (generation < 0) {
      throw new IllegalArgumentException("generation: %d (expected: >= 0)".formatted(generation));
    }
    return generation == 0 ? "" : "." + generation;
  }

  private static String require(Pattern pattern, String what, String value, String expectation) {
    if (!pattern.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "%s: '%s' (expected: %s, starting with a letter or digit)"
              .formatted(what, value, expectation));
    }
    return value;
  }
}
