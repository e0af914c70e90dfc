//! Projects as a whole: what becomes of all that is in one when it is deleted.

use base::Actor;

use crate::{Error, Platform};

/// What becomes of what is in a project that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emptying {
    /// A project that has something is not deleted.
    Refuse,
    /// It goes to the project `default`, unless a name is taken there.
    MoveToDefault,
    /// It is deleted too: experiments, runs and models go into the bin, webhooks are gone.
    Delete,
}

impl Platform {
    /// Deletes a project in one transaction with all that follows from it.
    ///
    /// # Errors
    /// [`Error::ProjectNotEmpty`]; a name that is taken in the project `default`; a project that is not there.
    pub async fn delete_project(&self, name: &str, mode: Emptying, actor: &Actor) -> Result<(), Error> {
        let (name, actor, now) = (name.to_owned(), actor.clone(), self.clock.now());
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if governance::find_project(tx, &name).await?.is_none() {
                        return Err(governance::Error::ProjectNotFound { name }.into());
                    }
                    match mode {
                        Emptying::Refuse => {
                            let holds = [
                                (experiments::count_experiments(tx, &name).await?, "experiments"),
                                (registry::count_models(tx, &name).await?, "models"),
                                (registry::count_webhooks(tx, &name).await?, "webhooks"),
                            ];
                            let holds: Vec<String> = holds
                                .iter()
                                .filter(|(count, _)| *count > 0)
                                .map(|(count, what)| format!("{count} {what}"))
                                .collect();
                            if !holds.is_empty() {
                                return Err(Error::ProjectNotEmpty {
                                    project: name,
                                    holds: holds.join(", "),
                                });
                            }
                        }
                        Emptying::MoveToDefault => {
                            let to = governance::DEFAULT_PROJECT;
                            experiments::move_experiments(tx, &name, to).await?;
                            registry::move_models(tx, &name, to, &actor).await?;
                            registry::move_webhooks(tx, &name, to).await?;
                        }
                        Emptying::Delete => {
                            experiments::delete_experiments_of(tx, &name, &actor, now).await?;
                            registry::delete_models_of(tx, &name, &actor, now).await?;
                            registry::delete_webhooks_of(tx, &name).await?;
                        }
                    }
                    Ok(governance::delete_project(tx, &name, &actor).await?)
                })
            })
            .await
    }
}
