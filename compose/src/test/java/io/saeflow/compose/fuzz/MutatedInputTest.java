// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Valid inputs that are damaged where it hurts. Each build tries the same few; {@code
 * -Dfuzz.inputs=1000000} tries more, {@code -Dfuzz.seed=1} others. An input that breaks a law is
 * left in {@code target/fuzz}, as are the tallies.
 */
class MutatedInputTest {
  private static final long SEED = Long.getLong("fuzz.seed", 0);
  private static final int INPUTS = Integer.getInteger("fuzz.inputs", 300);
  private static final Path REPORTS = Path.of("target", "fuzz");

  /** Further mutations of one that was read may get deeper. */
  private static final int GENERATIONS = 3;

  @TempDir Path folder;

  static Stream<String> targets() {
    return Targets.all().map(Target::name);
  }

  @ParameterizedTest
  @MethodSource("targets")
  void isReadOrRefused(String name) throws IOException {
    Target target = Targets.named(name);
    SplittableRandom random = new SplittableRandom(SEED);
    try (Laws laws = new Laws(target, folder)) {
      for (byte[] input : concat(target.seeds(), target.attacks())) {
        check(laws, target, input);
      }
      byte[] input = new byte[0];
      for (int i = 0; i < INPUTS; i++) {
        if (i % GENERATIONS == 0) {
          input = target.seeds().get(random.nextInt(target.seeds().size()));
        }
        input = target.mutator().mutate(input, random);
        check(laws, target, input);
      }
      report(target, laws);
      assertThat(laws.read()).as("read").isPositive();
      assertThat(laws.refused()).as("refused").isPositive();
    }
  }

  private static void check(Laws laws, Target target, byte[] input) throws IOException {
    try {
      laws.check(input);
    } catch (AssertionError e) {
      Path file =
          Files.createDirectories(REPORTS)
              .resolve("%s-%08x".formatted(target.name(), Arrays.hashCode(input)));
      Files.write(file, input);
      throw new AssertionError("%s, of %s".formatted(e.getMessage(), file), e);
    }
  }

  private static void report(Target target, Laws laws) throws IOException {
    Files.writeString(
        Files.createDirectories(REPORTS).resolve(target.name() + ".tally"),
        "%s: %d read, %d refused%n".formatted(target.name(), laws.read(), laws.refused()));
  }

  private static <T> List<T> concat(List<T> one, List<T> other) {
    return Stream.concat(one.stream(), other.stream()).toList();
  }
}
