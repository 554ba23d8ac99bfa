CREATE TABLE "seen_solution" (
	"user_id" text NOT NULL,
	"lesson" text NOT NULL,
	"exercise" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "seen_solution_user_id_lesson_exercise_pk" PRIMARY KEY("user_id","lesson","exercise")
);
--> statement-breakpoint
ALTER TABLE "quiz_answer" ADD COLUMN "state" text DEFAULT 'graded' NOT NULL;--> statement-breakpoint
ALTER TABLE "quiz_answer" ADD COLUMN "tries" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "quiz_answer" ADD COLUMN "feedback" jsonb;--> statement-breakpoint
ALTER TABLE "quiz_answer" ADD COLUMN "graded_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "submission" ADD COLUMN "tries" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "submission" ADD COLUMN "score_by" text;--> statement-breakpoint
ALTER TABLE "seen_solution" ADD CONSTRAINT "seen_solution_user_id_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."user"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "submission" ADD CONSTRAINT "submission_score_by_user_id_fk" FOREIGN KEY ("score_by") REFERENCES "public"."user"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "quiz_answer_state" ON "quiz_answer" USING btree ("state","created_at");