// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.hook;

import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * One place in one layer of a model.
 *
 * @param layer the block's index, from 0
 * @param location the place in the block
 */
public record HookPoint(int layer, HookLocation location) {
  private static final Pattern TRANSFORMER_LENS = Pattern.compile("blocks\\.(\\d{1,4})\\.(.+)");
  private static final Pattern OPEN_AI = Pattern.compile("(\\w+)/(\\d{1,4})");
  private static final Pattern OPEN_AI_PATH = Pattern.compile("layer_(\\d{1,4})/(\\w+)");

  public HookPoint {
    if (layer < 0) {
      throw new IllegalArgumentException("layer: %d (expected: >= 0)".formatted(layer));
    }
  }

  /**
   * Reads a name in TransformerLens' form ({@code blocks.8.hook_resid_post}) or with OpenAI's
   * location ({@code resid_post_mlp/8} or {@code layer_8/resid_post_mlp}).
   *
   * @throws IllegalArgumentException if it is none of these; the message lists what is known
   */
  public static HookPoint parse(String text) {
    Matcher matcher = TRANSFORMER_LENS.matcher(text);
    if (matcher.matches()) {
      String name = matcher.group(2);
      for (HookLocation location : HookLocation.values()) {
        if (location.transformerLensName().equals(name)) {
          return new HookPoint(Integer.parseInt(matcher.group(1)), location);
        }
      }
      throw unknown(text);
    }
    matcher = OPEN_AI.matcher(text);
    if (matcher.matches()) {
      return ofOpenAi(text, matcher.group(1), matcher.group(2));
    }
    matcher = OPEN_AI_PATH.matcher(text);
    if (matcher.matches()) {
      return ofOpenAi(text, matcher.group(2), matcher.group(1));
    }
    throw unknown(text);
  }

  /** The canonical name: TransformerLens', such as {@code blocks.8.hook_resid_post}. */
  public String name() {
    return "blocks." + layer + "." + location.transformerLensName();
  }

  @Override
  public String toString() {
    return name();
  }

  private static HookPoint ofOpenAi(String text, String name, String layer) {
    for (HookLocation location : HookLocation.values()) {
      if (location.openAiName().filter(name::equals).isPresent()) {
        return new HookPoint(Integer.parseInt(layer), location);
      }
    }
    throw unknown(text);
  }

  private static IllegalArgumentException unknown(String text) {
    String known =
        Arrays.stream(HookLocation.values())
            .map(location -> "blocks.L." + location.transformerLensName())
            .collect(Collectors.joining(", "));
    String openAi =
        Arrays.stream(HookLocation.values())
            .flatMap(location -> location.openAiName().stream())
            .map(name -> name + "/L")
            .collect(Collectors.joining(", "));
    return new IllegalArgumentException(
        "hook point: '%s' (expected one of %s, or %s)".formatted(text, known, openAi));
  }
}
