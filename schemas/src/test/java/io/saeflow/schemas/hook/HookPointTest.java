// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.hook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HookPointTest {
  @ParameterizedTest
  @CsvSource({
    "blocks.0.hook_resid_pre, 0, RESID_PRE, blocks.0.hook_resid_pre",
    "blocks.3.hook_attn_out, 3, ATTN_OUT, blocks.3.hook_attn_out",
    "blocks.11.hook_resid_mid, 11, RESID_MID, blocks.11.hook_resid_mid",
    "blocks.1.mlp.hook_post, 1, MLP_POST, blocks.1.mlp.hook_post",
    "blocks.1.hook_mlp_out, 1, MLP_OUT, blocks.1.hook_mlp_out",
    "blocks.8.hook_resid_post, 8, RESID_POST, blocks.8.hook_resid_post",
    "resid_post_mlp/8, 8, RESID_POST, blocks.8.hook_resid_post",
    "layer_8/resid_post_mlp, 8, RESID_POST, blocks.8.hook_resid_post",
    "resid_post_attn/2, 2, RESID_MID, blocks.2.hook_resid_mid",
    "resid_delta_attn/2, 2, ATTN_OUT, blocks.2.hook_attn_out",
    "resid_delta_mlp/2, 2, MLP_OUT, blocks.2.hook_mlp_out",
    "mlp_post_act/2, 2, MLP_POST, blocks.2.mlp.hook_post",
  })
  void bothNotationsAreRead(String text, int layer, HookLocation location, String name) {
    assertThat(HookPoint.parse(text)).isEqualTo(new HookPoint(layer, location));
    assertThat(HookPoint.parse(text).name()).isEqualTo(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "blocks.8.hook_z",
        "blocks.x.hook_resid_post",
        "blocks.-1.hook_resid_post",
        "blocks.99999.hook_resid_post",
        "resid_post_mlp",
        "hook_resid_pre/3"
      })
  void anythingElseIsRefusedWithWhatIsKnown(String text) {
    assertThatThrownBy(() -> HookPoint.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("hook point: '" + text + "' (expected one of blocks.L.hook_resid")
        .hasMessageContaining("mlp_post_act/L");
  }

  @Test
  void aNegativeLayerIsRefused() {
    assertThatThrownBy(() -> new HookPoint(-1, HookLocation.RESID_PRE))
        .hasMessage("layer: -1 (expected: >= 0)");
  }
}
