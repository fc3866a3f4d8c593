// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

/**
 * The model's arithmetic. {@code w} is a block's weights in the order of {@link
 * BlockWeights#tensors}; linear weights are [out, in], and they and their biases are of the type
 * that products are made in. What comes and goes is float32, but for {@code mlp_post}. {@code
 * next_block} runs one more position; {@code past} has the keys and values of those before, or
 * nothing.
 */
final class Gpt2Script {
  static final String METHODS =
      """
        def bfloat16(self: __torch__.Script, w: Tensor) -> Tensor:
          return torch.to(w, 15)
        def float32(self: __torch__.Script, x: Tensor) -> Tensor:
          return torch.to(x, 6)
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
          q, k, v = torch.split(torch.linear(torch.to(y, w[2]), w[2], w[3]), d, 2)
          q = torch.transpose(torch.view(q, [s, l, heads, d // heads]), 1, 2)
          k = torch.transpose(torch.view(k, [s, l, heads, d // heads]), 1, 2)
          v = torch.transpose(torch.view(v, [s, l, heads, d // heads]), 1, 2)
          a = torch.scaled_dot_product_attention(q, k, v, None, 0., True)
          a = torch.reshape(torch.transpose(a, 1, 2), [s, l, d])
          return torch.to(torch.linear(a, w[4], w[5]), 6)
        def mlp_post(self: __torch__.Script, x: Tensor, w: List[Tensor], eps: float) -> Tensor:
          y = torch.layer_norm(x, [torch.size(x, 2)], w[6], w[7], eps)
          return torch.gelu(torch.linear(torch.to(y, w[8]), w[8], w[9]), approximate="tanh")
        def mlp_out(self: __torch__.Script, x: Tensor, w: List[Tensor]) -> Tensor:
          return torch.to(torch.linear(x, w[10], w[11]), 6)
        def sum(self: __torch__.Script, x: Tensor, y: Tensor) -> Tensor:
          return torch.add(x, y)
        def embed_at(self: __torch__.Script, ids: Tensor, position: int, wte: Tensor, wpe: Tensor) -> Tensor:
          return torch.add(torch.embedding(wte, ids), torch.slice(wpe, 0, position, torch.add(position, 1)))
        def next_block(self: __torch__.Script, x: Tensor, w: List[Tensor], past: List[Tensor], heads: int, eps: float) -> List[Tensor]:
          s = torch.size(x, 0)
          d = torch.size(x, 2)
          y = torch.layer_norm(x, [d], w[0], w[1], eps)
          q, k, v = torch.split(torch.linear(torch.to(y, w[2]), w[2], w[3]), d, 2)
          q = torch.transpose(torch.view(q, [s, 1, heads, d // heads]), 1, 2)
          k = torch.transpose(torch.view(k, [s, 1, heads, d // heads]), 1, 2)
          v = torch.transpose(torch.view(v, [s, 1, heads, d // heads]), 1, 2)
          if torch.gt(torch.len(past), 0):
            k = torch.cat([past[0], k], 2)
            v = torch.cat([past[1], v], 2)
          else:
            pass
          a = torch.scaled_dot_product_attention(q, k, v, None, 0., False)
          a = torch.reshape(torch.transpose(a, 1, 2), [s, 1, d])
          x = torch.add(x, torch.to(torch.linear(a, w[4], w[5]), 6))
          y = torch.layer_norm(x, [d], w[6], w[7], eps)
          y = torch.gelu(torch.linear(torch.to(y, w[8]), w[8], w[9]), approximate="tanh")
          return [torch.add(x, torch.to(torch.linear(y, w[10], w[11]), 6)), k, v]
        def final(self: __torch__.Script, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
          return torch.layer_norm(x, [torch.size(x, 2)], weight, bias, eps)
        def logits(self: __torch__.Script, x: Tensor, wte: Tensor) -> Tensor:
          return torch.linear(torch.select(x, 1, -1), wte)
      """;

  private Gpt2Script() {}
}
