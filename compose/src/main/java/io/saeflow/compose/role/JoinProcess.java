// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.config.EncodeAt;
import io.saeflow.compose.config.ExistingOutput;
import io.saeflow.compose.config.SaeConfig;
import io.saeflow.compose.config.StreamConfig;
import io.saeflow.compose.prepare.PreparedSaes;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import io.saeflow.schemas.feature.SaeManifest;
import io.saeflow.schemas.hook.HookPoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Adds autoencoders to a run that has begun; they replay the activations that it kept. */
public final class JoinProcess {
  private JoinProcess() {}

  /**
   * Makes the autoencoders' topics and publishes the manifest with them.
   *
   * @return what was done, for the user
   * @throws BadInputException if the run has not begun, an autoencoder cannot be used or does not
   *     fit, or activations that it needs are gone
   */
  public static String run(StreamConfig stream, String run, List<SaeConfig> saes) {
    Map<String, Object> kafka = stream.clients(stream.bootstrapServers());
    Topics topics = new Topics(run);
    ManifestTopic manifests = new ManifestTopic(kafka, topics);
    try (RunTopics runTopics = new RunTopics(kafka, topics)) {
      runTopics.requireBegun();
      int partitions = runTopics.partitionsOfTokens();
      RunManifest joined =
          manifests.update(
              latest -> {
                requireActivations(latest.orElseThrow());
                RunManifest now = with(saes, stream, latest.orElseThrow());
                now.getSaes().stream()
                    .filter(sae -> !latest.orElseThrow().getSaes().contains(sae))
                    .forEach(
                        sae ->
                            runTopics.requireWhole(
                                topics.activations(HookPoint.parse(sae.getHook()))));
                // Before the manifest says so: who reads it finds the topics there.
                runTopics.create(now, partitions, ExistingOutput.RESUME);
                return now;
              });
      return "run '%s' now has %s"
          .formatted(run, joined.getSaes().stream().map(SaeManifest::getId).toList());
    }
  }

  private static void requireActivations(RunManifest run) {
    if (EncodeAt.of(run.getEncodeAt()) == EncodeAt.PRODUCER) {
      throw new BadInputException(
          "run-id: '%s' encodes at the producer, so that there are no activations to replay (expected: a run that 'saeflow feed --encode-at process --keep activations' began)"
              .formatted(run.getRun()));
    }
  }

  private static RunManifest with(List<SaeConfig> saes, StreamConfig stream, RunManifest run) {
    List<SaeManifest> all = new ArrayList<>(run.getSaes());
    // Each is read against the run before: those that join together are one generation.
    saes.forEach(sae -> all.add(PreparedSaes.joining(sae, stream, run)));
    return RunManifest.newBuilder(run).setSaes(all).build();
  }
}
