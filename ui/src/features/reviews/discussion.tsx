/** The discussion of a review: threads, opinions, and a box to write in. */
import { useState } from "react";
import { useReviewAct, type ReviewComment, type ReviewDetail } from "~/api/reviews.ts";
import { Badge } from "~/components/badge.tsx";
import { Card } from "~/components/card.tsx";
import { Prose } from "~/components/prose.tsx";
import { When } from "~/components/when.tsx";
import { sentence } from "~/lib/format.ts";

export function Discussion({ review }: { review: ReviewDetail }) {
  const [answering, setAnswering] = useState<number | null>(null);
  const tops = review.comments.filter((comment) => !comment.parent);
  return (
    <Card title="Discussion" hint="@name tells that person">
      <ul className="list">
        {review.opinions.map((given) => (
          <li key={given.author} className="list-row">
            <Badge state={given.opinion === "approve" ? (given.current ? "ok" : "expired") : "fail"}>{given.opinion === "approve" ? (given.current ? "approved" : "approved what it was before") : "asks for changes"}</Badge>
            <div className="grow">
              <span className="strong">{given.author}</span> {given.comment && <Prose text={given.comment} />}
            </div>
            <span className="small faint">
              <When at={given.at} />
            </span>
          </li>
        ))}
        {tops.map((comment) => (
          <Thread key={comment.number} comment={comment} all={review.comments} depth={0} answer={setAnswering} />
        ))}
        {review.opinions.length + tops.length === 0 && <li className="list-row muted">Nobody has said anything yet.</li>}
      </ul>
      <Box key={answering ?? "new"} number={review.number} answering={answering} onDone={() => setAnswering(null)} />
    </Card>
  );
}

function Thread({ comment, all, depth, answer }: { comment: ReviewComment; all: readonly ReviewComment[]; depth: number; answer: (number: number) => void }) {
  return (
    <>
      <li className="list-row" style={{ paddingLeft: 14 + Math.min(depth, 5) * 22 }}>
        <div className="grow stack tight" style={{ gap: 2 }}>
          <div className="row wrap">
            <span className="strong">{comment.author}</span>
            <span className="small faint">
              <When at={comment.at} />
            </span>
            <button type="button" className="button ghost small" onClick={() => answer(comment.number)}>
              Answer
            </button>
          </div>
          <div className="wrap-anywhere" style={{ whiteSpace: "pre-wrap" }}>
            <Prose text={comment.text} plain />
          </div>
        </div>
      </li>
      {all
        .filter((each) => each.parent === comment.number)
        .map((each) => (
          <Thread key={each.number} comment={each} all={all} depth={depth + 1} answer={answer} />
        ))}
    </>
  );
}

function Box({ number, answering, onDone }: { number: number; answering: number | null; onDone: () => void }) {
  const act = useReviewAct(number);
  const [text, setText] = useState("");
  return (
    <form
      className="stack tight"
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate(
          { what: "comments", body: { text, parent: answering } },
          {
            onSuccess: () => {
              setText("");
              onDone();
            },
          },
        );
      }}
    >
      <div className="field">
        <label htmlFor="comment">{answering ? `Answer to comment ${answering}` : "Comment"}</label>
        <textarea id="comment" className="textarea" value={text} onChange={(event) => setText(event.target.value)} placeholder="What did you look at, and what did you see?" />
      </div>
      {act.error && <p className="tone-bad">{sentence(act.error.message)}</p>}
      <div className="row">
        <button type="submit" className="button" disabled={act.isPending || !text.trim()}>
          {answering ? "Answer" : "Comment"}
        </button>
        {answering && (
          <button type="button" className="button ghost" onClick={onDone}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}
