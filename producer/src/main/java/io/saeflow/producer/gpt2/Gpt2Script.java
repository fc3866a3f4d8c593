// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

/**
 * The model's arithmetic. {@code w} is a block's weights in the order of {@link
 * BlockWeights#tensors}; linear weights are [out, in].
 */
final class Gpt2Script {
  static final String METHODS =
      """
        def transposed(self: __torch__.Script, w: Tensor) -> Tensor:
          return torch.contiguous(torch.transpose(w, 0, 1))
        def embed(self: __torch__.Script, ids: Tensor, wte: Tensor, wpe: Tensor) -> Tensor:
          positions = torch.slice(wpe, 0, 0, torch.size(ids, 1))
          return torch.add(torch.embedding(wte, ids), positions)
        def attn_out(self: __torch__.Script, x: Tensor, w: List[Tensor], heads: int, eps: float) -> Tensor:
          s = torch.size(x, 0)
          l = torch.size(x, 1)
          d = torch.size(x, 2)
          y = torch.layer_norm(x, [d], w[0], w[1], eps)
          q, k, v = torch.split(torch.linear(y, w[2], w[3]), d, 2)
          q = torch.transpose(torch.view(q, [s, l, heads, d // heads]), 1, 2)
          k = torch.transpose(torch.view(k, [s, l, heads, d // heads]), 1, 2)
          v = torch.transpose(torch.view(v, [s, l, heads, d // heads]), 1, 2)
          a = torch.scaled_dot_product_attention(q, k, v, None, 0., True)
          a = torch.reshape(torch.transpose(a, 1, 2), [s, l, d])
          return torch.linear(a, w[4], w[5])
        def mlp_post(self: __torch__.Script, x: Tensor, w: List[Tensor], eps: float) -> Tensor:
          y = torch.layer_norm(x, [torch.size(x, 2)], w[6], w[7], eps)
          return torch.gelu(torch.linear(y, w[8], w[9]), approximate="tanh")
        def mlp_out(self: __torch__.Script, x: Tensor, w: List[Tensor]) -> Tensor:
          return torch.linear(x, w[10], w[11])
        def sum(self: __torch__.Script, x: Tensor, y: Tensor) -> Tensor:
          return torch.add(x, y)
        def final(self: __torch__.Script, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
          return torch.layer_norm(x, [torch.size(x, 2)], weight, bias, eps)
        def logits(self: __torch__.Script, x: Tensor, wte: Tensor) -> Tensor:
          return torch.linear(torch.select(x, 1, -1), wte)
      """;

  private Gpt2Script() {}
}
