namespace MicroVm.Engine.Keeper;

/// <summary>How a front end starts a program that calls <see cref="KeeperProgram.Run"/> with the arguments that follow these.</summary>
/// <param name="Program">The program's absolute path.</param>
/// <param name="Arguments">Its first arguments.</param>
/// <param name="ModuleFile">A file of the front end: when it is gone or was replaced, so was what the keeper runs, and another keeper takes its place.</param>
public sealed record KeeperCommand(string Program, IReadOnlyList<string> Arguments, string ModuleFile);
