// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.gpt2;

/**
 * The model's arithmetic. {@code w} is a block's weights in the order of {@link
 * BlockWeights#tensors}; linear weights are [out, in], and they and their biases are of the type
 * that products are made in. What comes and goes is float32, but for {@code mlp_post}. {@code
 * next_block} runs one more position; {@code past} has the keys and values of those before, or
 * nothing.
 *
 * <p>{@code packed} lays a matrix out as oneDNN, which multiplies on the CPU, reads it fastest, and
 * {@code linear} and {@code linear_gelu} take it so or as it was. The GELU is applied to float32
 * sums while they are in registers, which spares a pass over the widest tensor and a rounding.
 *
 * <p>{@code causal} is attention over bfloat16 with scores and softmax in float32, as torch's own
 * has it, and faster than that: some sequences at a time, whose scores stay in the cache, and for a
 * strip of queries only the keys up to its end.
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
        def packed(self: __torch__.Script, w: Tensor) -> Tensor:
          if ops.prim.is_cuda(w):
            p = w
          elif torch.__or__(torch.eq(ops.prim.dtype(w), 6), ops.mkldnn._is_mkldnn_bf16_supported()):
            p = ops.mkldnn._reorder_linear_weight(w, 1024)
          else:
            p = w
          return p
        def linear(self: __torch__.Script, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
          if ops.prim.is_mkldnn(w):
            y = ops.mkldnn._linear_pointwise(x, w, b, "none", annotate(List[Optional[number]], []), "")
          else:
            y = torch.linear(x, w, b)
          return y
        def linear_gelu(self: __torch__.Script, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
          if ops.prim.is_mkldnn(w):
            y = ops.mkldnn._linear_pointwise(x, w, b, "gelu", annotate(List[Optional[number]], []), "tanh")
          else:
            y = torch.gelu(torch.linear(x, w, b), approximate="tanh")
          return y
        def embed(self: __torch__.Script, ids: Tensor, wte: Tensor, wpe: Tensor) -> Tensor:
          positions = torch.slice(wpe, 0, 0, torch.size(ids, 1))
          return torch.add(torch.embedding(wte, ids), positions)
        def causal(self: __torch__.Script, x: Tensor, heads: int) -> Tensor:
          s = torch.size(x, 0)
          l = torch.size(x, 1)
          d = torch.floordiv(torch.size(x, 2), 3)
          e = torch.floordiv(d, heads)
          together = torch.__range_length(0, 256, l)
          result = torch.empty([s, l, heads, e], dtype=15)
          ahead = torch.triu(torch.full([64, 64], -inf, dtype=6), 1)
          for i in range(torch.__range_length(0, s, together)):
            first = torch.mul(i, together)
            last = ops.prim.min(torch.add(first, together), s)
            qkv = torch.view(torch.slice(x, 0, first, last), [torch.sub(last, first), l, 3, heads, e])
            qkv = torch.permute(qkv, [2, 0, 3, 1, 4])
            q = torch.reshape(torch.mul(torch.to(qkv[0], 6), torch.pow(e, -0.5)), [-1, l, e])
            k = torch.reshape(torch.to(qkv[1], 6), [-1, l, e])
            v = torch.reshape(qkv[2], [-1, l, e])
            for j in range(torch.__range_length(0, l, 64)):
              begin = torch.mul(j, 64)
              end = ops.prim.min(torch.add(begin, 64), l)
              n = torch.sub(end, begin)
              scores = torch.bmm(torch.slice(q, 1, begin, end), torch.transpose(torch.slice(k, 1, 0, end), 1, 2))
              _0 = torch.add_(torch.slice(scores, 2, begin, end), torch.slice(torch.slice(ahead, 0, 0, n), 1, 0, n))
              a = torch.bmm(torch.to(torch.softmax(scores, 2), 15), torch.slice(v, 1, 0, end))
              a = torch.transpose(torch.view(a, [-1, heads, n, e]), 1, 2)
              _1 = torch.copy_(torch.slice(torch.slice(result, 0, first, last), 1, begin, end), a)
          return torch.view(result, [s, l, d])
        def attention(self: __torch__.Script, x: Tensor, heads: int) -> Tensor:
          s = torch.size(x, 0)
          l = torch.size(x, 1)
          d = torch.floordiv(torch.size(x, 2), 3)
          q, k, v = torch.split(x, d, 2)
          q = torch.transpose(torch.view(q, [s, l, heads, d // heads]), 1, 2)
          k = torch.transpose(torch.view(k, [s, l, heads, d // heads]), 1, 2)
          v = torch.transpose(torch.view(v, [s, l, heads, d // heads]), 1, 2)
          a = torch.scaled_dot_product_attention(q, k, v, None, 0., True)
          return torch.reshape(torch.transpose(a, 1, 2), [s, l, d])
        def attn_out(self: __torch__.Script, x: Tensor, w: List[Tensor], heads: int, eps: float) -> Tensor:
          y = torch.layer_norm(x, [torch.size(x, 2)], w[0], w[1], eps)
          y = (self).linear(torch.to(y, w[3]), w[2], w[3], )
          if torch.__and__(ops.prim.is_mkldnn(w[2]), torch.eq(ops.prim.dtype(y), 15)):
            a = (self).causal(y, heads, )
          else:
            a = (self).attention(y, heads, )
          return torch.to((self).linear(a, w[4], w[5], ), 6)
        def mlp_post(self: __torch__.Script, x: Tensor, w: List[Tensor], eps: float) -> Tensor:
          y = torch.layer_norm(x, [torch.size(x, 2)], w[6], w[7], eps)
          return (self).linear_gelu(torch.to(y, w[9]), w[8], w[9], )
        def mlp_out(self: __torch__.Script, x: Tensor, w: List[Tensor]) -> Tensor:
          return torch.to((self).linear(x, w[10], w[11], ), 6)
        def sum(self: __torch__.Script, x: Tensor, y: Tensor) -> Tensor:
          return torch.add(x, y)
        def embed_at(self: __torch__.Script, ids: Tensor, position: int, wte: Tensor, wpe: Tensor) -> Tensor:
          return torch.add(torch.embedding(wte, ids), torch.slice(wpe, 0, position, torch.add(position, 1)))
        def next_block(self: __torch__.Script, x: Tensor, w: List[Tensor], past: List[Tensor], heads: int, eps: float) -> List[Tensor]:
          s = torch.size(x, 0)
          d = torch.size(x, 2)
          y = torch.layer_norm(x, [d], w[0], w[1], eps)
          q, k, v = torch.split((self).linear(torch.to(y, w[3]), w[2], w[3], ), d, 2)
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
          x = torch.add(x, torch.to((self).linear(a, w[4], w[5], ), 6))
          y = torch.layer_norm(x, [d], w[6], w[7], eps)
          y = (self).linear_gelu(torch.to(y, w[9]), w[8], w[9], )
          return [torch.add(x, torch.to((self).linear(y, w[10], w[11], ), 6)), k, v]
        def final(self: __torch__.Script, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
          return torch.layer_norm(x, [torch.size(x, 2)], weight, bias, eps)
        def logits(self: __torch__.Script, x: Tensor, wte: Tensor) -> Tensor:
          return torch.linear(torch.select(x, 1, -1), wte)
      """;

  private Gpt2Script() {}
}
