// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.role;

import io.saeflow.compose.config.BadInputException;
import io.saeflow.compose.topic.ManifestTopic;
import io.saeflow.compose.topic.RunTopics;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.RunManifest;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** Waits for what a role needs, and says for what: roles may be started in any order. */
final class RunWait implements AutoCloseable {
  private static final Duration INTERVAL = Duration.ofSeconds(1);

  private final RunTopics runTopics;
  private final ManifestTopic manifests;
  private final Topics topics;
  private final StopSignal stop;
  private final PrintStream err;
  private String said = "";

  RunWait(Map<String, Object> kafka, Topics topics, StopSignal stop, PrintStream err) {
    this.runTopics = new RunTopics(kafka, topics);
    this.manifests = new ManifestTopic(kafka, topics);
    this.topics = topics;
    this.stop = stop;
    this.err = err;
  }

  /**
   * Returns when the cluster answers.
   *
   * @throws BadInputException if it refuses the credentials
   * @throws StoppedException if the process was asked to stop
   */
  void forCluster() throws StoppedException, InterruptedException {
    while (!runTopics.answers()) {
      waitFor("a Kafka cluster at " + runTopics.servers());
    }
  }

  /**
   * Returns when the run has begun.
   *
   * @throws BadInputException if the cluster refuses the credentials
   * @throws StoppedException if the process was asked to stop
   */
  RunManifest forManifest() throws StoppedException, InterruptedException {
    forCluster();
    while (true) {
      if (runTopics.present().contains(topics.manifest())) {
        Optional<RunManifest> manifest = manifests.read();
        if (manifest.isPresent()) {
          return manifest.get();
        }
      }
      waitFor(
          "run '%s' at %s, which 'saeflow feed' begins"
              .formatted(topics.run(), runTopics.servers()));
    }
  }

  @Override
  public void close() {
    runTopics.close();
  }

  private void waitFor(String what) throws StoppedException, InterruptedException {
    if (!what.equals(said)) {
      err.println("waiting for " + what);
      said = what;
    }
    if (stop.requested()) {
      throw new StoppedException();
    }
    Thread.sleep(INTERVAL.toMillis());
  }
}
