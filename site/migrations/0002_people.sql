CREATE TABLE "tally" (
	"key" text PRIMARY KEY NOT NULL,
	"count" integer NOT NULL,
	"resets" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "announcement" ADD COLUMN "edited_at" timestamp with time zone;