-- Histograms by run are kept for the newest runs only: so few that their table is read whole.
DROP INDEX IF EXISTS metric_histograms_by_run;
