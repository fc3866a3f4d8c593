// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.hook;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A place inside one transformer block, under its TransformerLens name and OpenAI's. */
public enum HookLocation {
  /** The residual stream as it enters the block. */
  RESID_PRE("hook_resid_pre", null),
  /** The attention's output after its projection, before it is added to the residual stream. */
  ATTN_OUT("hook_attn_out", "resid_delta_attn"),
  /** The residual stream after the attention is added. */
  RESID_MID("hook_resid_mid", "resid_post_attn"),
  /** The MLP's hidden layer after its activation function; as wide as the MLP. */
  MLP_POST("mlp.hook_post", "mlp_post_act"),
  /** The MLP's output, before it is added to the residual stream. */
  MLP_OUT("hook_mlp_out", "resid_delta_mlp"),
  /** The residual stream as it leaves the block. */
  RESID_POST("hook_resid_post", "resid_post_mlp");

  private final String transformerLens;
  private final Optional<String> openAi;

  HookLocation(String transformerLens, @Nullable String openAi) {
    this.transformerLens = transformerLens;
    this.openAi = Optional.ofNullable(openAi);
  }

  /** The name inside a block, such as {@code hook_resid_post}. */
  String transformerLensName() {
    return transformerLens;
  }

  /** OpenAI's name, such as {@code resid_post_mlp}; they have none for {@link #RESID_PRE}. */
  Optional<String> openAiName() {
    return openAi;
  }
}
