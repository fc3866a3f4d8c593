// SPDX-License-Identifier: Apache-2.0
package io.saeflow.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How an encoder's strips share the device, on the emulated driver. */
class StripOverlapTest {
  /** Stream 0 is the device's own; those of strips follow. */
  private static final Pattern STRIPS =
      Pattern.compile("fakecuda: stream ([1-9]): (copy in|wait)\\R");

  /** Without a seed nothing is done before it is waited for, with one some of it is. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void latentsDoNotDependOnWhenTheDeviceGetsOn(int seed) {
    assertThat(encode(Map.of("FAKECUDA_SEED", "" + seed))).contains("true");
  }

  /**
   * Each strip is waited for twice, for what it has and for its latents, while the two after it are
   * on the device; at the end, no strip is left.
   */
  @Test
  void twoStripsAreOnTheDeviceWhileOneIsRead() {
    String said = String.join("\n", encode(Map.of("FAKECUDA_TRACE", "1"))) + "\n";

    List<String> steps = STRIPS.matcher(said).results().map(StripOverlapTest::step).toList();
    assertThat(String.join(", ", steps))
        .startsWith(
            "1 copy in, 2 copy in, 3 copy in, "
                + "1 wait, 1 wait, 1 copy in, 2 wait, 2 wait, 2 copy in, 3 wait, 3 wait, 3 copy in, "
                + "1 wait, 1 wait, 2 wait, 2 wait, 3 wait, 3 wait");
  }

  private static List<String> encode(Map<String, String> environment) {
    return EmulatedCuda.runProgram(EncodeProgram.class, environment);
  }

  private static String step(MatchResult found) {
    return found.group(1) + " " + found.group(2);
  }
}
